"""Channels that the network does not take, and colours of what has none."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpretrain.datasets import CustomDataset
from mmpretrain.models import ResNet
from torch import nn

from mmdcl.engine.band_check import check_bands, check_views, input_channels
from mmdcl.views import ViewDataPreprocessor

LOAD = dict(type='mmdcl.LoadMultichannelImage')
JITTER = dict(type='ColorJitter', brightness=0.4)
BLUR = dict(type='GaussianBlur', magnitude_range=(0.1, 2.0))
CROP = dict(type='RandomResizedCrop', scale=8)


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


def nested(transform):
    inner = dict(type='RandomApply', transforms=[transform])
    return dict(type='MultiView', num_views=2, transforms=[[CROP, inner]])


@pytest.mark.parametrize(
    ('transform', 'message'),
    [
        (JITTER, 'train: ColorJitter is .* use mmdcl.RandomBandJitter'),
        (dict(type='Rotate', angle=9.0), 'Rotate .* use mmdcl.RandomRotate90'),
        (BLUR, 'GaussianBlur .* use mmdcl.GaussianBlur'),
        (dict(type='torchvision/ColorJitter'), 'ColorJitter is for images of'),
        (dict(CROP, backend='pillow'), "backend='pillow' of RandomResizedCr"),
        (dict(CROP, interpolation='area'), "interpolation='area' of Random"),
    ],
)
def test_what_is_for_rgb_alone_is_refused(transform, message):
    with pytest.raises(ValueError, match=message):
        check_views('train', Compose([LOAD, nested(transform)]))
    check_views('train', Compose([nested(transform)]))
    ours = ('RandomBandJitter', 'RandomRotate90', 'GaussianBlur')
    for name in ours:
        radius = dict(radius=1.0) if name == 'GaussianBlur' else {}
        fits = nested(dict(type=f'mmdcl.{name}', **radius))
        check_views('train', Compose([LOAD, fits]))


def network(channels, mean=None):
    found = nn.Module()
    found.backbone = ResNet(18, in_channels=channels)
    found.data_preprocessor = ViewDataPreprocessor(mean, mean)
    return found


def test_three_channels_where_five_are_configured(tmp_path):
    np.save(tmp_path / 'a.npy', np.ones((8, 9, 3), np.uint16))
    settings = dict(data_root=str(tmp_path), with_label=False)
    of_bands = CustomDataset(
        pipeline=[LOAD, CROP], extensions=('.npy',), **settings
    )
    for wanted, mean in ((5, None), (3, [1.0] * 5)):
        with pytest.raises(
            ValueError,
            match=r'images of 3 channels \(.*a.npy\), but .* is 5: set that',
        ):
            check_bands(network(wanted, mean), dict(train=of_bands))
    check_bands(network(3, [1.0]), dict(train=of_bands))

    (tmp_path / 'a.png').touch()
    plain = dict(type='mmdcl.LoadImageFromFile')
    of_files = CustomDataset(pipeline=[plain, CROP], **settings)
    with pytest.raises(ValueError, match='train gives images of 3 channels'):
        check_bands(network(5), dict(train=of_files))
    check_bands(network(3), dict(train=of_files))
    check_bands(network(5), dict(train=SimpleNamespace()))


def test_channels_of_a_network():
    assert input_channels(network(4).backbone) == 4
    assert input_channels(nn.Linear(2, 3)) is None
