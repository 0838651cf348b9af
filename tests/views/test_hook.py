"""The hook gives a model the views that it would have got without it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import Hook
from torch.utils.data import DataLoader, TensorDataset

from mmdcl.datasets import Digits
from mmdcl.views.hook import leaves, restart
from tests.runs import SIMCLR, loader, runner

JITTER = dict(type='ColorJitter', brightness=0.4, contrast=0.4)
JITTER |= dict(saturation=0.8, hue=0.1)
STAIN = np.array((0.2, 0.9, 0.5), np.float32)
VIEW = [
    dict(type='RandomResizedCrop', scale=24),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomApply', transforms=[JITTER], prob=0.8),
    dict(type='GaussianBlur', radius=1.0, prob=0.5),
]
TOGETHER = [
    dict(type='MultiView', num_views=2, transforms=[VIEW]),
    dict(type='PackInputs'),
]
FLIPPED = [
    dict(type='MultiView', num_views=2, transforms=[VIEW[:2]]),
    dict(type='PackInputs'),
]
LOOPS = {
    'ExactTrainLoop': dict(type='mmdcl.ExactTrainLoop', max_epochs=1),
    'IterBasedTrainLoop': dict(type='IterBasedTrainLoop', max_iters=4),
}
SLOW_MOMENTUM = dict(
    type='MoCo',
    queue_len=32,
    feat_dim=8,
    momentum=0.001,
    backbone=SIMCLR['backbone'],
    neck=dict(SIMCLR['neck'], type='MoCoV2Neck', with_avg_pool=True),
    head=dict(type='mmdcl.DCLHead'),
)


@pytest.fixture(autouse=True)
def coloured(monkeypatch):
    """Stained digits on paper of another colour.

    On grey ones a jitter whose brightness weighs the channels wrongly, or
    that turns hues backwards, does nothing wrong.
    """
    written = Digits.load_data_list

    def load_data_list(self) -> list[dict]:
        return [
            dict(info, img=(info['img'] * STAIN + (90, 10, 40)).astype('u1'))
            for info in written(self)
        ]

    monkeypatch.setattr(Digits, 'load_data_list', load_data_list)


class Watch(Hook):
    """Keeps what the model is given."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        assert set(data_batch) == {'inputs', 'data_samples'}
        self.seen.append(torch.cat(data_batch['inputs']).float().numpy())


def views(work_dir, loop, hooks, workers=0, model=SIMCLR):
    watch = Watch()
    train = loader('train', TOGETHER, batch_size=16, num_workers=workers)
    digits = dict(train['dataset'], indices=32)
    train['dataset'] = dict(
        type='ConcatDataset',
        datasets=[digits, dict(digits, pipeline=FLIPPED)],
    )
    run = runner(
        work_dir,
        model=model,
        train_dataloader=train,
        train_cfg=LOOPS[loop],
        default_hooks=hooks,
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
    )
    run.register_hook(watch, 'LOWEST')
    run.train()
    return np.stack(watch.seen)


HOOK = dict(views=dict(type='mmdcl.DeviceViewsHook'))


@pytest.mark.parametrize(
    ('loop', 'workers'),
    [('ExactTrainLoop', 0), ('ExactTrainLoop', 2), ('IterBasedTrainLoop', 1)],
)
def test_views_are_those_without_the_hook(tmp_path, loop, workers):
    plain = views(tmp_path, loop, {}, workers)
    moved = views(tmp_path, loop, HOOK, workers)
    assert plain.shape == moved.shape == (4, 32, 3, 24, 24)
    if loop == 'ExactTrainLoop':  # the other restarts its workers
        off = plain - moved
        assert np.abs(off).mean() < 0.5
        assert np.abs(off.mean((0, 1, 3, 4))).max() < 0.1  # by channel
    assert np.ptp(moved.mean((0, 1, 3, 4))) > 10  # in colour


def test_under_moco_of_upstream(tmp_path):
    moved = views(tmp_path, 'ExactTrainLoop', HOOK, model=SLOW_MOMENTUM)
    assert moved.shape == (4, 32, 3, 24, 24)


def test_a_pipeline_of_one_view(tmp_path):
    plain = [dict(type='Resize', scale=(16, 16)), dict(type='PackInputs')]
    run = runner(
        tmp_path,
        train_dataloader=loader('train', plain),
        default_hooks=HOOK,
    )
    with pytest.raises(TypeError, match='needs a pipeline with one MultiView'):
        run.train()


def test_wants_a_pipeline():
    with pytest.raises(TypeError, match='a `pipeline`, got TensorDataset'):
        list(leaves(TensorDataset(torch.zeros(3))))


def test_workers_that_have_started_start_again():
    """As in mmengine 0.10, whose loops over iterations are eager."""

    class Eager:
        def __init__(self, loader: DataLoader) -> None:
            self.batches = iter(loader)

    sampler = InfiniteSampler(range(8), shuffle=False)
    batches = DataLoader(range(8), 2, sampler=sampler, num_workers=1)
    loop = SimpleNamespace(dataloader_iterator=Eager(batches))
    restart(loop, batches)
    found = [next(loop.dataloader_iterator.batches) for _ in range(9)]
    assert torch.cat(found).tolist() == [*range(8), *range(8), 0, 1]
