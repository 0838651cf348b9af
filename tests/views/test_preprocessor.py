"""Upstream's views, bit for bit; data samples stay where they are."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

DEEP = getattr(torch, 'uint16', torch.int32)  # torch < 2.3 has none
NORM = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])


def build(kind: str, **settings):
    return MODELS.build(dict(type=kind, **settings))


def batch(dtype) -> dict:
    torch.manual_seed(0)
    views = torch.randint(0, 256, (2, 4, 3, 8, 6)).to(dtype)
    samples = [DataSample().set_gt_label(label) for label in range(4)]
    return dict(inputs=list(views), data_samples=samples)


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32])
@pytest.mark.parametrize(
    'settings', [dict(NORM, to_rgb=True), NORM, {}, dict(to_rgb=True)], ids=str
)
def test_equals_upstream(settings, dtype, training):
    ours = build('mmdcl.ViewDataPreprocessor', **settings)
    upstream = build('SelfSupDataPreprocessor', **settings)
    data = batch(dtype)
    given = [view.clone() for view in data['inputs']]
    found, wanted = ours(data, training), upstream(batch(dtype), training)
    same = dict(rtol=0, atol=0)
    torch.testing.assert_close(found['inputs'], wanted['inputs'], **same)
    torch.testing.assert_close(data['inputs'], given, **same)
    one = dict(batch(dtype), inputs=given[0])
    torch.testing.assert_close(
        ours(one, training)['inputs'], wanted['inputs'][0], **same
    )
    if training:
        assert found['data_samples'] is data['data_samples']


@pytest.mark.parametrize('training', [True, False])
def test_wants_stacked_views(training):
    samples = [
        dict(inputs=list(torch.zeros(2, 3, 8, 8)), data_samples=DataSample())
        for _ in range(4)
    ]
    for wrong in (pseudo_collate(samples), samples):
        with pytest.raises(TypeError, match='default_collate'):
            build('mmdcl.ViewDataPreprocessor')(wrong, training)


def test_any_number_of_channels():
    mean, std = [1.5, 2.5, 3.5, 4.5, 5.5], [2.0, 4.0, 8.0, 16.0, 32.0]
    views = [
        (1000 * torch.rand(2, 5, 4, 3)).to(x)
        for x in (torch.uint8, DEEP, torch.float32)
    ]
    prepare = build('mmdcl.ViewDataPreprocessor', mean=mean, std=std)
    for training in (True, False):
        batch = dict(inputs=views, data_samples=[DataSample()] * 2)
        found = prepare(batch, training)['inputs']
        for view, prepared in zip(views, found, strict=True):
            for c in range(5):
                wanted = (view[:, c].float() - mean[c]) / std[c]
                torch.testing.assert_close(prepared[:, c], wanted)


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize(
    ('settings', 'channels', 'wanted'),
    [
        (dict(mean=[1.0] * 5, std=[1.0] * 5), 3, 5),
        (dict(mean=[1.0], std=[1.0], to_rgb=True), 1, 3),
        (dict(to_rgb=True), 5, 3),
    ],
)
def test_images_of_other_channels(settings, channels, wanted, training):
    batch = dict(inputs=torch.zeros(2, channels, 4, 4), data_samples=None)
    with pytest.raises(
        ValueError, match=f'images have {channels} channel.* is for {wanted}:'
    ):
        build('mmdcl.ViewDataPreprocessor', **settings)(batch, training)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(mean=[1.0] * 5, std=[1.0] * 5, to_rgb=True), 'turn red and blu'),
        (dict(mean=[1.0, 2.0], std=[1.0]), 'a number for each channel'),
        (dict(mean=[1.0], std=[0.0]), 'those of `std` > 0'),
        (dict(mean=[1.0]), '`std` of the data_preprocessor has no number'),
        (dict(mean=['1'], std=[1.0]), '`mean` must be a number'),
    ],
)
def test_means_that_cannot_be_used(settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build('mmdcl.ViewDataPreprocessor', **settings)
