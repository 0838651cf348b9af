"""A schedule that does not end with training is said, any other is not."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS

import mmdcl.engine  # noqa: F401
from mmdcl.engine.schedule import over_after, schedule_ends
from tests.engine.test_resume import COSINE, start

CONFIGS = Path(__file__).parents[2] / 'configs'
NAMES = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob('*.py')
    if '_base_' not in path.parts
)


def ends(configs, epochs=0, iterations=0, batches=4):
    iterations = iterations or epochs * batches
    configs = [configs] if isinstance(configs, dict) else configs
    schedulers = built(configs, epochs, iterations, batches)
    return schedule_ends(schedulers, configs, epochs, iterations)


def built(configs, epochs, iterations, batches=4):
    """Schedules as the runner builds them."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    found = []
    for config in configs:
        by_epoch = config.get('by_epoch', True)
        default = dict(end=epochs or 1 if by_epoch else iterations)
        found.append(
            PARAM_SCHEDULERS.build(
                {**default, **config},
                default_args=dict(optimizer=optimizer, epoch_length=batches),
            )
        )
    return found


@pytest.mark.parametrize('name', NAMES)
def test_every_config_ends_with_its_schedule(name):
    try:
        cfg = Config.fromfile(CONFIGS / name)
    except (ImportError, ModuleNotFoundError) as error:
        pytest.skip(str(error))
    train = cfg.get('train_cfg') or {}
    found = ends(
        cfg.get('param_scheduler') or [],
        train.get('max_epochs', 0),
        train.get('max_iters', 0),
        batches=1000,
    )
    assert found == []


LINEAR = dict(type='LinearLR', start_factor=0.1)
STEPS = dict(type='MultiStepLR', milestones=[6, 8])


@pytest.mark.parametrize(
    ('configs', 'epochs', 'said'),
    [
        (
            dict(COSINE, T_max=8, end=8),
            3,
            r'ends at epoch 3.*T_max=3 .*end=3$',
        ),
        (dict(COSINE, T_max=8, end=8), 8, None),
        (dict(type='CosineAnnealingLR', T_max=8), 3, 'epoch 8 .*at epoch 3'),
        (dict(type='CosineAnnealingLR', T_max=2), 3, 'epoch 2 .*at epoch 3'),
        (dict(type='CosineAnnealingLR'), 3, None),
        (dict(COSINE, convert_to_iter_based=False), 3, None),
        (dict(LINEAR, end=2), 3, None),  # a warm-up
        (dict(LINEAR, end=5), 3, r'\.0\.end\), but training ends at epoch 3'),
        (dict(LINEAR, end_factor=0.01, end=2), 3, 'epoch 2 '),
        (dict(type='PolyLR', by_epoch=False, end=20), 3, 'n 20 .*ation 12'),
        ([dict(LINEAR, end=1), dict(COSINE, T_max=2, begin=1)], 3, None),
        (
            [dict(LINEAR, end=1), dict(COSINE, begin=1)],
            3,
            r'4 .*1\.T_max=2 .*end=3$',
        ),
        ([dict(COSINE, T_max=1, end=1), dict(COSINE, begin=1, T_max=2)], 3, 0),
        (STEPS, 3, r'milestones'),
        (STEPS, 9, None),
        (dict(type='StepLR', step_size=2), 3, None),
        ([], 3, None),
    ],
)
def test_schedules(configs, epochs, said):
    found = ends(configs, epochs)
    assert len(found) == bool(said)
    if said:
        assert re.search(said, found[0])


def test_epochs_that_never_come():
    found = ends(dict(type='StepLR', step_size=2), iterations=10)
    assert 'param_scheduler.0.by_epoch=False' in found[0]


@pytest.mark.parametrize('scheduler', [dict(COSINE, T_max=8, end=8), None])
def test_before_training(scheduler, tmp_path, capfd):
    run, watch = start(tmp_path, param_scheduler=scheduler)
    run.train()
    said = ''.join(capfd.readouterr())
    assert len(watch.rates) == 12
    assert ('param_scheduler.0.T_max' in said) == (scheduler is not None)


@pytest.mark.parametrize(
    ('configs', 'wanted'),
    [
        ([dict(COSINE, T_max=8, end=8)], 32),
        ([dict(COSINE, T_max=8, end=8, convert_to_iter_based=False)], 32),
        ([dict(type='CosineAnnealingLR', T_max=8, by_epoch=False)], 8),
        ([dict(LINEAR, end=2), dict(COSINE, T_max=6, begin=2, end=8)], 32),
        ([LINEAR], None),
        ([STEPS], None),
        ([dict(COSINE, T_max=2, end=2), dict(LINEAR, begin=2, end=8)], None),
        ([dict(COSINE, type='CosineAnnealingMomentum', T_max=2)], None),
        ([], None),
    ],
)
def test_when_nothing_is_left_of_the_learning_rate(configs, wanted):
    """In iterations, of 10 epochs of 4."""
    assert over_after(built(configs, 10, 40), 10, 40) == wanted
