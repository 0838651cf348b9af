"""RGB or BGR, compared between pretraining and what is trained now."""

import pytest
from mmpretrain.models import ClsDataPreprocessor

from mmdcl.checkpoints.architecture import preprocessing_differences

FILES = dict(type='ImageNet', pipeline=[dict(type='LoadImageFromFile')])

CIFAR = dict(type='mmdcl.CIFAR10', pipeline=[])

AS_RGB = dict(type='mmdcl.ChannelOrder', order='rgb')

TURNED = dict(
    FILES, pipeline=[dict(type='LoadImageFromFile'), AS_RGB], type='A'
)


@pytest.mark.parametrize(
    ('then', 'turned_then', 'here', 'turned_here', 'said'),
    [
        (FILES, True, CIFAR, False, ''),
        (FILES, True, TURNED, False, ''),
        (FILES, True, dict(type='RepeatDataset', dataset=FILES), True, ''),
        (FILES, True, FILES, False, 'images in RGB, here in BGR'),
        (CIFAR, False, FILES, False, 'images in RGB, here in BGR'),
        (CIFAR, True, CIFAR, False, 'images in BGR, here in RGB'),
        (FILES, True, dict(type='Own'), False, 'channels turned around, here'),
    ],
)
def test_channels_are_compared_where_they_reach_the_network(
    then, turned_then, here, turned_here, said
):
    meta = (
        f'train_dataloader = dict(dataset={then!r})\n'
        f'data_preprocessor = dict(to_rgb={turned_then})\n'
    )
    now = ClsDataPreprocessor(to_rgb=turned_here)
    found = preprocessing_differences(dict(meta=dict(cfg=meta)), now, here)
    assert len(found) == bool(said)
    assert ''.join(found).startswith(said)
