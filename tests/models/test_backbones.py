"""What a backbone gives, and what does not fit it, in a sentence."""

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmdcl.errors import UserError

VIT = dict(
    type='VisionTransformer',
    arch=dict(
        embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=32
    ),
    img_size=16,
    patch_size=8,
)
SMALL = dict(embed_dim=24, depth=1, num_heads=2, img_size=16, patch_size=8)
OF_TIMM = dict(model_name='vit_tiny_patch16_224', **SMALL)
NHWC = dict(
    model_name='swin_tiny_patch4_window7_224',
    img_size=16,
    **dict(embed_dim=12, depths=(1, 1), num_heads=(1, 2), window_size=2),
)


def simclr(backbone, channels=24, pools=False):
    init_default_scope('mmpretrain')
    neck = dict(
        type='NonLinearNeck',
        in_channels=channels,
        with_avg_pool=pools,
        **dict(hid_channels=8, out_channels=8),
    )
    head = dict(type='mmdcl.DCLHead')
    return MODELS.build(
        dict(type='mmdcl.SimCLR', backbone=backbone, neck=neck, head=head)
    )


def step(model, size=16):
    return model.loss([torch.randn(4, 3, size, size)] * 2, None)['loss']


@pytest.mark.parametrize(
    'backbone', [VIT, dict(OF_TIMM, type='mmdcl.TIMMBackbone')]
)
def test_transformers_are_trained(backbone):
    if 'model_name' in backbone:
        pytest.importorskip('timm')
    model = simclr(backbone)
    step(model).backward()
    assert any(x.grad is not None for x in model.backbone.parameters())


@pytest.mark.parametrize(
    ('backbone', 'neck', 'said'),
    [
        (VIT, (24, True), r'in_channels=24 and model.neck.with_avg_pool=Fals'),
        (VIT, (96, False), r'for 96 channels of vectors: set .*channels=24 '),
        (dict(VIT, out_type='raw'), (24, True), r'tokens, .*out_type=cls_tok'),
        (dict(OF_TIMM, type='TIMMBackbone'), (24, True), r'mmdcl.TIMMBackbo'),
        (dict(NHWC, type='TIMMBackbone'), (24, True), r'channels come last'),
        (
            dict(type='ResNet', depth=18, out_indices=(2, 3)),
            (512, True),
            'those of one stage: set model.backbone.out_indices',
        ),
    ],
)
def test_what_does_not_fit_the_neck_is_said(backbone, neck, said):
    if 'model_name' in backbone:
        pytest.importorskip('timm')
    with pytest.raises(UserError, match=said):
        step(simclr(backbone, *neck))


def test_what_timm_does_not_have_is_said():
    pytest.importorskip('timm')
    for asked, said in (
        (dict(model_name='resnet19'), 'did you mean .*resnet18'),
        (dict(OF_TIMM, depths=3), "does not build vit_tiny.*'depths'"),
        (dict(OF_TIMM, features_only=True), 'mmpretrain.TIMMBackbone'),
    ):
        with pytest.raises(UserError, match=said):
            MODELS.build(dict(asked, type='mmdcl.TIMMBackbone'))
    model = simclr(dict(OF_TIMM, type='mmdcl.TIMMBackbone'))
    with pytest.raises(UserError, match='takes no images of 32 x 32 px: '):
        step(model, 32)


def test_four_convolutions():
    """3.8 million multiply-adds at 32 px, as its docstring says."""
    model = simclr(dict(type='mmdcl.Conv4'), channels=256, pools=True)
    maps, counts = [], []

    def count(conv, _, y):
        maps.append(tuple(y.shape[1:]))
        counts.append(y[0].numel() * conv.weight[0].numel())

    for module in model.backbone.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    step(model, size=32).backward()
    assert maps[:4] == [(32, 16, 16), (64, 8, 8), (128, 4, 4), (256, 2, 2)]
    assert sum(counts[:4]) == 3_760_128
    assert all(x.grad is not None for x in model.backbone.parameters())
    with pytest.raises(UserError, match=r'must be four .*\(8, 8\)'):
        MODELS.build(dict(type='mmdcl.Conv4', channels=(8, 8)))
    narrow = MODELS.build(dict(type='mmdcl.Conv4', channels=(8,) * 4))
    assert narrow(torch.zeros(1, 3, 32, 32))[0].shape == (1, 8, 2, 2)
