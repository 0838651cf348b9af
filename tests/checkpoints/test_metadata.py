import pytest
import torch
from safetensors.torch import save
from torch import nn

from mmdcl.checkpoints import read_checkpoint
from mmdcl.checkpoints.architecture import (
    preprocessing_differences,
    pretraining_config,
)
from mmdcl.checkpoints.export import write_backbone
from mmdcl.checkpoints.metadata import BACKBONE, metadata_of
from mmdcl.errors import UserValueError

TENSORS = {'conv1.weight': torch.arange(3.0)}
CONFIG = """
train_dataloader = dict(
    dataset=dict(type='ImageNet', pipeline=[dict(type='LoadImageFromFile')])
)
data_preprocessor = dict(mean=[1.5, 2, 3], std=[4, 5, 6], to_rgb=True)
model = dict(
    type='mmdcl.SimCLR',
    backbone=dict(
        type='ResNet',
        depth=18,
        norm_cfg=dict(type='SyncBN'),
        init_cfg=dict(type='Pretrained', checkpoint='hf://not/ours'),
    ),
)
"""


def test_an_export_says_what_network_it_is(tmp_path):
    path = tmp_path / 'a.safetensors'
    metadata = metadata_of({'meta': {'cfg': CONFIG}})
    write_backbone(TENSORS, path, 'mmpretrain', metadata)
    assert pretraining_config(read_checkpoint(path)) == dict(
        channel_order='rgb',
        model=dict(
            backbone=dict(type='ResNet', depth=18, norm_cfg=dict(type='BN')),
            data_preprocessor=dict(
                mean=[1.5, 2, 3], std=[4, 5, 6], to_rgb=True
            ),
        ),
    )
    assert metadata_of({}) == {'format': 'pt'}
    write_backbone(TENSORS, path, 'mmpretrain', metadata_of({}))
    assert pretraining_config(read_checkpoint(path)) == {}


@pytest.mark.parametrize('text', ['{', '[1]', '3', f'[{"1," * 99999}1]'])
def test_metadata_that_is_no_config(tmp_path, text):
    path = tmp_path / 'a.safetensors'
    path.write_bytes(save(TENSORS, {BACKBONE: text}))
    with pytest.raises(ValueError, match=r'mmdcl\.backbone in .* is no'):
        read_checkpoint(path)


def test_the_same_numbers_do_not_differ():
    """Of which float32, as a preprocessor has them, rounds one otherwise."""
    mean = [125.307, 122.961, 113.8575]
    model = dict(data_preprocessor=dict(mean=mean))
    then = {'meta': {'network': {'model': model}}}
    now = nn.Module()
    now.register_buffer('mean', torch.tensor(mean).view(3, 1, 1))
    assert preprocessing_differences(then, now) == []
    now.mean += 0.01
    assert 'mean [125.307, 122.961, 113.857], here' in str(
        preprocessing_differences(then, now)
    )


def test_images_in_another_order_than_an_export_was_trained_on():
    """A preprocessor that turns nothing is right for RGB in memory alone."""
    network = dict(model=dict(data_preprocessor=dict(mean=[])))
    then = {'meta': {'network': {**network, 'channel_order': 'rgb'}}}
    files = dict(type='ImageNet', pipeline=[dict(type='LoadImageFromFile')])
    [said] = preprocessing_differences(then, nn.Module(), files)
    assert said == 'images in RGB, here in BGR'
    memory = dict(type='CIFAR10')
    assert preprocessing_differences(then, nn.Module(), memory) == []


@pytest.mark.parametrize(
    'wrong',
    [
        dict(mean='abc'),
        dict(mean=[[1], 2, 3]),
        dict(mean=[float('nan')] * 3),
        dict(std={'a': 1}),
        dict(std=[1, 0, 1]),
        [1],
    ],
)
def test_numbers_by_which_nothing_can_be_normalised(wrong):
    network = dict(model=dict(backbone=TENSORS, data_preprocessor=wrong))
    with pytest.raises(UserValueError, match='`data_preprocessor'):
        pretraining_config({'meta': {'network': network}})
