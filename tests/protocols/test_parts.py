"""Stages and blocks of each kind of backbone, as one vector an image."""

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmdcl.protocols.parts import chosen_parts, listening

TINY = dict(embed_dims=12, num_layers=3, num_heads=2, feedforward_channels=24)
BACKBONES = {
    'ResNet': dict(type='ResNet', depth=18, base_channels=4, stem_channels=4),
    'VisionTransformer': dict(
        type='VisionTransformer', arch=TINY, img_size=32, patch_size=8
    ),
    'ViT, patches': dict(
        type='VisionTransformer',
        arch=TINY,
        img_size=32,
        patch_size=8,
        out_type='avg_featmap',
    ),
    'Swin': dict(
        type='SwinTransformer',
        arch=dict(embed_dims=8, depths=[1, 1], num_heads=[1, 1]),
        img_size=32,
        patch_size=2,
        window_size=4,
        out_indices=(1,),
    ),
    'ConvNeXt': dict(
        type='ConvNeXt', arch=dict(depths=[1, 1], channels=[4, 8])
    ),
    'timm': dict(type='TIMMBackbone', model_name='resnet10t'),
    'timm, tokens': dict(
        type='mmdcl.TIMMBackbone',
        model_name='vit_tiny_patch16_224',
        img_size=32,
        embed_dim=12,
        depth=2,
        num_heads=2,
    ),
    'timm, channels last': dict(
        type='mmdcl.TIMMBackbone',
        model_name='swin_tiny_patch4_window7_224',
        img_size=32,
        embed_dim=12,
        depths=(1, 1),
        num_heads=(1, 2),
        window_size=4,
    ),
}
NAMES = {
    'ResNet': [f'layer{i}' for i in range(1, 5)],
    'VisionTransformer': [f'layers.{i}' for i in range(3)],
    'ViT, patches': [f'layers.{i}' for i in range(3)],
    'Swin': ['stages.0', 'stages.1'],
    'ConvNeXt': ['stages.0', 'stages.1'],
    'timm': [f'layer{i}' for i in range(1, 5)],
    'timm, tokens': ['blocks.0', 'blocks.1'],
    'timm, channels last': ['layers.0', 'layers.1'],
}
WIDTHS = {'timm, tokens': [12, 12], 'timm, channels last': [12, 24]}
WIDTHS |= {'Swin': [8, 16], 'ConvNeXt': [4, 8]}


def built(kind):
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    backbone = MODELS.build(BACKBONES[kind])
    backbone.eval()  # of upstream's, returns nothing
    return backbone


@pytest.mark.parametrize('kind', BACKBONES)
def test_each_part_gives_a_vector(kind):
    backbone = built(kind)
    images = torch.randn(2, 3, 32, 32)
    parts = chosen_parts(backbone)
    with torch.no_grad(), listening(backbone, parts) as heard:
        backbone(images)
    assert list(heard) == NAMES[kind]
    assert all(x.shape[:1] == (2,) and x.ndim == 2 for x in heard.values())
    if kind in WIDTHS:
        assert [x.shape[1] for x in heard.values()] == WIDTHS[kind]
    seen = {name: x.clone() for name, x in heard.items()}
    backbone(images + 1)
    for name, x in heard.items():  # nobody listens any more
        assert torch.equal(x, seen[name])


def test_the_last_stage_is_what_the_network_gives():
    """Averages of maps by hand; the class token, before the last norm."""
    images = torch.randn(2, 3, 32, 32)
    resnet = built('ResNet')
    with torch.no_grad(), listening(resnet, chosen_parts(resnet)) as heard:
        wanted = resnet(images)[-1].mean((2, 3))
    torch.testing.assert_close(heard['layer4'], wanted)
    for kind in ('VisionTransformer', 'ViT, patches'):
        vit = built(kind)
        with torch.no_grad(), listening(vit, chosen_parts(vit)) as heard:
            wanted = vit(images)[-1]
            found = vit.ln1(heard['layers.2'])
        if kind == 'VisionTransformer':
            torch.testing.assert_close(found, wanted)
    with pytest.raises(ValueError, match=r'no layer layer4; .* layers\.0, '):
        chosen_parts(vit, ['layer4'])
    with pytest.raises(ValueError, match='Identity has no layers that are'):
        chosen_parts(torch.nn.Identity())
