"""Six views of two sizes, through all that a run does to them."""

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from mmdcl import functional
from tests.engine.test_quality import Spy
from tests.engine.test_quality import train as train_with_quality
from tests.engine.test_train_loop import EVERY_5, MODELS, assert_identical
from tests.engine.test_train_loop import train as train_exactly
from tests.runs import SIMCLR, VIEWS, loader

JITTER = dict(type='ColorJitter', brightness=0.4, contrast=0.4)
CROPS = dict(
    type='MultiView',
    num_views=[2, 4],
    transforms=[
        [
            dict(type='RandomResizedCrop', scale=side),
            dict(type='RandomFlip', prob=0.5),
            JITTER,
        ]
        for side in (16, 8)
    ],
)
SIDES = [16, 16, 8, 8, 8, 8]
PREPROCESSOR = dict(type='mmdcl.ViewDataPreprocessor', mean=[9.0] * 3)
PREPROCESSOR |= dict(std=[50.0] * 3)


def images(batch_size, count):
    train = loader('train', [CROPS, VIEWS[-1]], batch_size=batch_size)
    train['dataset']['indices'] = count
    return train


def test_resumed_equals_uninterrupted(tmp_path):
    """In the second epoch, with neighbours drawn at random."""
    setting = dict(model=MODELS['NNCLR'], train_dataloader=images(16, 64))
    keep = dict(checkpoint=dict(EVERY_5, max_keep_ckpts=9))
    whole = tmp_path / 'whole'
    expected = train_exactly(0, whole, 1, default_hooks=keep, **setting)
    setting |= dict(resume=True, load_from=str(whole / 'iter_5.pth'))
    found = train_exactly(0, tmp_path / 'resumed', 1, **setting)
    assert found['iteration'] == 12
    assert_identical(found, expected)


class Watch(Hook):
    """What the preprocessor gives to the network."""

    def before_train(self, runner) -> None:
        self.seen = []
        runner.model.data_preprocessor.register_forward_hook(
            lambda module, args, out: self.seen.append(out['inputs'])
        )


def test_quality_is_of_the_two_large_views(tmp_path):
    """Where flips and colours are done on the device, and where not."""
    seen = []
    for views in ({}, dict(views=dict(type='mmdcl.DeviceViewsHook'))):
        spy, watch = Spy(), Watch()
        [*_, record], _ = train_with_quality(
            tmp_path / str(len(seen)),
            SIMCLR,
            [spy, watch],
            train_dataloader=images(64, 256),
            data_preprocessor=PREPROCESSOR,
            train_cfg=dict(type='mmdcl.ExactTrainLoop', max_epochs=1),
            default_hooks=views,
        )
        assert [len(x) for x in spy.seen['projections']] == [128, 256] * 4
        pairs = torch.stack(spy.seen['projections'][-2].chunk(2))
        for name, expected in (
            ('alignment', functional.alignment(*pairs)),
            ('lidar', functional.lidar(pairs)),
            ('rank_me', functional.rank_me(pairs.flatten(0, 1))),
        ):
            got = record[f'projections/{name}']
            assert got == pytest.approx(float(expected), rel=1e-4), name
        assert 0 < record['coupling/q_p50'] < 1
        seen.append(watch.seen)
    for plain, moved in zip(*seen, strict=True):
        assert [x.shape[-1] for x in plain] == SIDES
        for one, other in zip(plain, moved, strict=True):
            assert other.shape == one.shape
            levels = 50 * np.abs((one - other).numpy())
            assert levels.mean() < 0.5
