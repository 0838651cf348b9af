"""A network that a checkpoint names, as benchmarks need it."""

import pytest
import torch
from mmengine.registry import MODELS
from mmpretrain.models import backbones as upstream

from mmdcl.downstream.adoption import adopt_backbone
from mmdcl.downstream.pretrained_network import build_network
from mmdcl.errors import UserError
from tests.downstream.networks import OF_TIMM, VIT, classifier, pretrained


def test_a_network_that_masks_is_taken_without_masks():
    pytest.importorskip('mmpretrain.models.selfsup.mae')
    mae = dict(type='MAEViT', arch=VIT['arch'], img_size=64, mask_ratio=0.75)
    checkpoint, _ = pretrained(mae)
    cfg = classifier()
    adopt_backbone(cfg, checkpoint)
    model = MODELS.build(cfg.model).eval()
    assert type(model.backbone) is upstream.VisionTransformer
    (found,) = model.extract_feat(torch.randn(2, 3, 64, 64))
    assert found.shape == (2, 24)


@pytest.mark.parametrize(
    'extra',
    [
        dict(pretrained=1),
        dict(pretrained_cfg='evil'),
        dict(norm_layer='evil.X'),
        dict(model_name='local-dir:.'),
    ],
)
def test_networks_of_timm_are_built_by_numbers_alone(extra):
    pytest.importorskip('timm')
    with pytest.raises(UserError, match='no backbone or layer registered'):
        build_network({**OF_TIMM, **extra})


def test_what_timm_would_fetch_is_not_fetched():
    pytest.importorskip('timm')
    for asked in (dict(pretrained=True), dict(checkpoint_path='nowhere.pth')):
        network = build_network({**OF_TIMM, **asked})
        assert type(network).__name__ == 'TIMMBackbone'
