"""Arguments of our classes that are of a wrong type are refused by name."""

import math

import numpy as np
import pytest
import torch

import mmdcl.downstream.with_operators  # noqa: F401 - before mmpretrain imports mmdet
from mmdcl import registry
from mmdcl.arguments import require_number, require_whole
from tests.runs import NNCLR, SIMCLR

MODELS, HOOKS = registry.MODELS, registry.HOOKS
NUMBERS = ('0.1', '', None, True, [0.1], math.nan, math.inf, 0, -1)
WHOLE = ('64', None, True, 1.5, [3], math.nan, 0, -2)
FLAGS = ('False', None, 1, [])
TENSOR = torch.tensor(0.1, requires_grad=True)
WEIGHTS = [torch.nn.Parameter(torch.ones(2))]


def head(name):
    return MODELS, dict(type=f'mmdcl.{name}')


def hook(name, **rest):
    return HOOKS, dict(type=f'mmdcl.{name}', **rest)


def optimizer():
    return registry.OPTIMIZERS, dict(type='mmdcl.LARS', params=WEIGHTS, lr=1)


def wrapper():
    built = torch.optim.SGD(WEIGHTS, lr=1)
    name = 'mmdcl.BFloat16OptimWrapper'
    return registry.OPTIM_WRAPPERS, dict(type=name, optimizer=built)


def loop(name, **rest):
    return registry.LOOPS, dict(
        type=f'mmdcl.{name}',
        runner=None,
        dataloader=None,
        **rest,
    )


def knn():
    return loop('KNNValLoop', evaluator=None)


def dataset(name, **rest):
    return registry.DATASETS, dict(type=f'mmdcl.{name}', **rest)


def few():
    digits = dict(type='mmdcl.Digits', pipeline=[])
    return dataset('FewLabels', dataset=digits)


def transform(name):
    return registry.TRANSFORMS, dict(type=f'mmdcl.{name}')


TABLE = [
    (head('DCLHead'), 'temperature', (*NUMBERS, TENSOR)),
    (head('InfoNCEHead'), 'temperature', (*NUMBERS, TENSOR)),
    (head('DCLWHead'), 'temperature', (*NUMBERS, TENSOR)),
    (head('DCLWHead'), 'sigma', (*NUMBERS, TENSOR)),
    (head('DCLWHead'), 'detach', FLAGS),
    ((MODELS, SIMCLR), 'tile', ('8', True, 1.5, -1)),
    ((MODELS, SIMCLR), 'channels_last', FLAGS),
    ((MODELS, NNCLR), 'top_k', (*WHOLE, 101)),
    ((MODELS, NNCLR), 'negatives', (None, 'view', 3)),
    (head('SupportSet'), 'size', WHOLE),
    (head('SupportSet'), 'dim', WHOLE),
    (head('SupportSet'), 'tile', WHOLE),
    (head('ViewDataPreprocessor'), 'non_blocking', FLAGS),
    (head('ViewDataPreprocessor'), 'to_rgb', FLAGS),
    (knn(), 'k', ('x', '5', None, True, 1.5, 0, [], [5, 'x'], [5, 0])),
    (knn(), 'temperature', (*NUMBERS, TENSOR)),
    (knn(), 'fp16', FLAGS),
    (loop('ExactTrainLoop'), 'max_epochs', ('x', None, True, 1.5, 0)),
    (
        loop('ExactTrainLoop', max_epochs=1),
        'val_interval',
        ('x', None, True, 1.5, 0),
    ),
    (loop('ExactIterTrainLoop'), 'max_iters', ('x', None, True, 1.5, 0)),
    (hook('AtomicCheckpointHook'), 'interval', ('x', None, True, 1.5)),
    (hook('AtomicCheckpointHook'), 'max_keep_ckpts', ('x', None, True)),
    (hook('AtomicCheckpointHook'), 'by_epoch', FLAGS),
    (hook('AtomicCheckpointHook'), 'save_last', FLAGS),
    (hook('InvalidLossHook'), 'interval', WHOLE),
    (hook('LinearProbeHook'), 'lr', NUMBERS),
    (hook('LinearProbeHook'), 'momentum', (*NUMBERS[:-2], -0.1, 1)),
    (hook('LinearProbeHook'), 'num_classes', (*WHOLE[:1], *WHOLE[2:])),
    (hook('ProgressHook'), 'val_before_train', FLAGS),
    (hook('ProgressHook'), 'report', FLAGS),
    (hook('ResumeHook'), 'with_changes', FLAGS),
    (hook('PretrainedBackboneHook', checkpoint=__file__), 'trust', FLAGS),
    (hook('PretrainedBackboneHook', checkpoint=__file__), 'prefix', (1, [2])),
    (optimizer(), 'lr', ('0.1', None, True, math.nan, -1)),
    (optimizer(), 'momentum', ('0.1', None, True, math.inf, -1)),
    (optimizer(), 'eps', ('0.1', None, True, math.nan, -1)),
    (optimizer(), 'nesterov', FLAGS),
    (wrapper(), 'accumulative_counts', WHOLE),
    (dataset('CIFAR10'), 'part', ('x', 3, (0, 1.5), ('0', '1'), (0,), (1, 1))),
    (dataset('CIFAR10'), 'split', ('val', None, 3)),
    (dataset('CIFAR10'), 'download', FLAGS),
    (dataset('Digits'), 'split', ('val', None, 3)),
    (few(), 'seed', ('x', None, True, 1.5, -1)),
    (few(), 'fraction', NUMBERS),
    (few(), 'per_class', ('x', None, True, 1.5, -1)),
    (transform('LoadImageFromFile'), 'on_error', ('stay', None, 3)),
    (transform('LoadImageFromFile'), 'max_pixels', ('9', True, 1.5, 0)),
    (transform('ChannelOrder'), 'order', ('grb', None, 3)),
]


@pytest.mark.parametrize(
    ('kind', 'name', 'value'),
    [
        pytest.param(kind, name, value, id=f'{kind[1]["type"]}-{name}-{value}')
        for kind, name, values in TABLE
        for value in values
    ],
)
def test_refused_by_name(kind, name, value):
    where, config = kind
    with pytest.raises((TypeError, ValueError), match=f'`{name}`'):
        where.build({**config, name: value})


@pytest.mark.parametrize('value', [0.1, 1, np.float32(0.1), np.int64(1)])
def test_numbers_of_numpy_are_numbers(value):
    assert MODELS.build(dict(type='mmdcl.DCLHead', temperature=value))


def test_the_message():
    with pytest.raises(TypeError) as error:
        require_number('temperature', '0.1', above=0)
    assert str(error.value) == (
        '`temperature` must be a number > 0, got "0.1" (str)'
    )
    with pytest.raises(ValueError, match=r'number >= 1, got 0 \(int\)'):
        require_whole('k', 0)
