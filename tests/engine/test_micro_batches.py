"""Micro-batches in training: the same weights and numbers, nothing left."""

import json
from copy import deepcopy
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.hooks import Hook
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader

from mmdcl.engine.micro_batches import check_micro_batch
from mmdcl.models.micro_batch import micro_batch_problem
from tests.engine.test_probe import MOCO, PROBE, kept
from tests.engine.test_quality import PAIRED
from tests.engine.test_sizes import train as refused
from tests.engine.test_train_loop import assert_identical, build
from tests.ranks import on_ranks
from tests.runs import NNCLR, SIMCLR, VIEWS, loader, runner

CROPS = deepcopy(VIEWS)
CROPS[0]['num_views'] = [2, 3]
CROPS[0]['transforms'].append([dict(type='RandomResizedCrop', scale=8)])
EVERY = dict(type='mmdcl.AtomicCheckpointHook', interval=5, by_epoch=False)


@MODELS.register_module()
class Smooth(BaseModule):
    """Without batch statistics; in float64, so that nothing is chaotic."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, dtype=torch.double)
        self.conv2 = nn.Conv2d(8, 32, 3, stride=2, dtype=torch.double)

    def forward(self, x):
        x = torch.tanh(self.conv1(x.double()))
        x = torch.tanh(self.conv2(x)).mean((2, 3), keepdim=True)
        return (x.float(),)


class Inside(Hook):
    """How often, and with how many rows, the first layer is called."""

    def before_train(self, runner):
        self.rows = []
        runner.model.backbone.conv1.register_forward_pre_hook(
            lambda module, args: self.rows.append(len(args[0]))
        )


def train(tmp_path, model, hooks=(), views=VIEWS, **overrides):
    """Four steps of 64 images: weights, quality and probe, and rows."""
    inside, data = Inside(), loader('train', views)
    data['dataset']['indices'] = 256
    hooks = [dict(type='mmdcl.QualityHook', images=64), *PROBE, *hooks]
    run = runner(
        tmp_path,
        model=dict(deepcopy(model), backbone=dict(type='Smooth')),
        train_dataloader=data,
        custom_hooks=hooks,
        **overrides,
    )
    run.register_hook(inside)
    run.train()
    [path] = tmp_path.glob('*/vis_data/quality.json')
    record = json.loads(path.read_text().splitlines()[-1])
    record = {k: x for k, x in record.items() if k != 'training/data_wait'}
    record = {k: x for k, x in record.items() if not isinstance(x, list)}
    assert 'forward' not in vars(run.model.backbone)
    return (
        dict(run.model.state_dict()),
        record,
        kept(run, 'epoch_1.pth')['linear_probe']['weights'],
        inside.rows,
    )


def assert_same(found, expected):
    for one, other in zip(found[:3], expected[:3], strict=True):
        assert list(one) == list(other)
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize('name', ['ours', 'SimCLR', 'BYOL', 'MoCoV3', 'MoCo'])
def test_the_hook_fits_any_algorithm(name, tmp_path):
    """Calls of 64 or 128 rows, as the algorithm has it, in parts of 24."""
    model = {**PAIRED, 'MoCo': MOCO}[name]
    hook = dict(type='mmdcl.MicroBatchHook', size=24)
    found = train(tmp_path / 'a', model, [hook])
    assert max(found[3][:4]) <= 24
    assert_same(found, train(tmp_path / 'b', model))


@pytest.mark.parametrize(
    ('model', 'views'),
    [(SIMCLR, VIEWS), (NNCLR, VIEWS), (SIMCLR, CROPS)],
    ids=['SimCLR', 'NNCLR', 'multi-crop'],
)
def test_what_watches_sees_each_row_once(model, views, tmp_path):
    found = train(tmp_path / 'a', dict(model, micro_batch=16), (), views)
    assert found[3][:4] == [32] * 4
    assert_same(found, train(tmp_path / 'b', model, (), views))


def test_with_all_that_training_has(tmp_path):
    """Accumulation, clipping, averaged weights; rounding of bfloat16."""
    wrapper = dict(
        optimizer=dict(type='SGD', lr=0.01, momentum=0.9),
        accumulative_counts=2,
        clip_grad=dict(max_norm=0.1),
    )
    ema = [dict(type='EMAHook', momentum=0.1)]
    fast = dict(wrapper, type='mmdcl.BFloat16OptimWrapper')
    model = dict(SIMCLR, channels_last=True)

    def run(name, wrapper, **more):
        return train(
            tmp_path / name, model | more, ema, optim_wrapper=wrapper
        )[0]

    expected = run('one', wrapper)
    torch.testing.assert_close(
        run('parts', wrapper, micro_batch=16), expected, rtol=1e-3, atol=1e-5
    )
    for name, more in (('fast', {}), ('both', dict(micro_batch=16))):
        found = run(name, fast, **more)
        torch.testing.assert_close(found, expected, rtol=0.02, atol=2e-3)


@pytest.mark.parametrize('how', ['model', 'hook'])
def test_resumed_equals_uninterrupted(how, tmp_path):
    """With batch statistics, from inside the second of three epochs."""
    setting = dict(
        model=dict(NNCLR, top_k=3), default_hooks=dict(checkpoint=EVERY)
    )
    if how == 'model':
        setting['model']['micro_batch'] = 4
    else:
        hook = dict(type='mmdcl.MicroBatchHook', size=12)
        setting['custom_hooks'] = [hook]
    whole = build(tmp_path / 'whole', **setting)
    whole.train()
    middle = str(tmp_path / 'whole/iter_5.pth')
    resumed = build(
        tmp_path / 'resumed', load_from=middle, resume=True, **setting
    )
    resumed.train()
    states = [kept(x, 'iter_12.pth')['state_dict'] for x in (whole, resumed)]
    counted = {x for k, x in states[0].items() if k.endswith('_tracked')}
    assert max(counted) == 12 * (4 if how == 'model' else 3)
    assert_identical(*states)


@pytest.mark.parametrize(
    ('size', 'batches', 'nearest'),
    [
        (48, [64], (32, 64)),
        (48, [256, 40], (8, 64)),
        (64, [256, 80], (16, 128)),
        (7, [10], (5, 10)),
        (3, [7], (1, 7)),
    ],
)
def test_the_nearest_sizes_are_named(size, batches, nearest):
    said = micro_batch_problem(size, batches)
    assert f'got {size} for batches of {min(batches)}' in said
    assert said.endswith('are {} and {}'.format(*nearest))
    for good in nearest:
        assert not micro_batch_problem(good, batches)


@pytest.mark.parametrize('batches', [[256, 64], [32], [256, 40, 0]])
def test_sizes_that_do(batches):
    """Smaller batches than a micro-batch are one pass."""
    assert not micro_batch_problem(64, batches)
    assert not micro_batch_problem(None, batches)


def test_refused_before_the_first_step(tmp_path):
    said = r'got 48 for batches of 64 images; the nearest that do are 32 and'
    model = dict(SIMCLR, micro_batch=48)
    with pytest.raises(ValueError, match=rf'`model\.micro_batch` .*{said} 64'):
        refused(tmp_path, 128, model=model)
    said = r'got 16 for batches of 24 and of 64 images.* 8 and 32, or set .*=T'
    with pytest.raises(ValueError, match=said):
        refused(tmp_path, 88, model=dict(SIMCLR, micro_batch=16))
    with pytest.raises(AssertionError, match='a step was made'):
        refused(tmp_path, 80, model=dict(SIMCLR, micro_batch=16))


def test_hooks_that_do_not_fit(tmp_path):
    hook = dict(type='mmdcl.MicroBatchHook', size=16)
    model = dict(SIMCLR, micro_batch=16)
    with pytest.raises(ValueError, match=r'`model\.micro_batch` .*leave one'):
        runner(tmp_path, model=model, custom_hooks=[hook]).train()
    for size in (0, -1, 1.5, True, '64'):
        with pytest.raises((ValueError, TypeError), match='`size` must be a'):
            runner(tmp_path, custom_hooks=[dict(hook, size=size)])
        with pytest.raises((ValueError, TypeError), match='`micro_batch` mus'):
            runner(tmp_path, model=dict(SIMCLR, micro_batch=size))


def _said(rank, cases):
    """11 images in batches of 4, of which the last have 2 and 1."""
    data, found = list(range(11)), []
    sampler = DefaultSampler(data, shuffle=False, round_up=False)
    for size, norm, _ in cases:
        model = SimpleNamespace(
            micro_batch=size,
            micro_batch_problem=partial(micro_batch_problem, size),
            backbone=nn.Sequential(norm),
        )
        try:
            check_micro_batch(DataLoader(data, 4, sampler=sampler), model)
            found.append('')
        except ValueError as error:
            found.append(str(error))
    return found


def test_processes_refuse_together():
    cases = [
        (3, nn.BatchNorm2d(2), 'got 3 for batches of 4 images'),
        (2, nn.BatchNorm2d(2), ''),
        (2, nn.SyncBatchNorm(2), 'got last batches of 1 and 2: set'),
    ]
    first, second = on_ranks(2, _said, cases)
    assert first == second
    for said, (_, _, wanted) in zip(first, cases, strict=True):
        assert wanted in said
        assert bool(wanted) == bool(said)
