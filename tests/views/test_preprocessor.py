"""Upstream's views, bit for bit; data samples stay where they are."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

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
