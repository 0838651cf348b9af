"""Networks that the tests of this room adopt, and benchmarks for them."""

import warnings

import torch
from mmengine.config import Config
from mmengine.registry import MODELS

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import mmdcl.downstream.with_operators  # noqa: F401

VIT = dict(
    type='VisionTransformer',
    arch=dict(
        embed_dims=24, num_layers=5, num_heads=2, feedforward_channels=32
    ),
    img_size=64,
)

SWIN = dict(
    type='SwinTransformer',
    arch=dict(embed_dims=12, depths=[2, 2, 1, 1], num_heads=[1, 2, 2, 2]),
    window_size=2,
)

OF_TIMM = dict(
    type='TIMMBackbone',
    model_name='convnext_atto',
    **dict(depths=(1, 1, 1, 1), dims=(8, 8, 16, 16)),
)


def pretrained(backbone, **meta):
    """A checkpoint of upstream's, with trained norms."""
    network = MODELS.build(backbone)
    for name, buffer in network.named_buffers():
        if name.endswith('running_var'):
            buffer.uniform_(1, 2)
    for parameter in network.parameters():
        parameter.data.add_(torch.randn_like(parameter) / 10)
    state = {f'backbone.{k}': x for k, x in network.state_dict().items()}
    meta = dict(cfg=f'model = dict(backbone={backbone!r})', **meta)
    return dict(state_dict=state, meta=meta), network


def classifier(**backbone):
    return Config(
        dict(
            model=dict(
                type='ImageClassifier',
                backbone={
                    **dict(type='ResNet', depth=50, frozen_stages=4),
                    **dict(out_indices=(3,)),
                    **backbone,
                },
                neck=dict(type='GlobalAveragePooling'),
                head=dict(
                    type='LinearClsHead', num_classes=10, in_channels=2048
                ),
            )
        )
    )


def detector(backbone, **model):
    cfg = Config(
        dict(
            default_scope='mmdet',
            model=dict(
                type='RetinaNet',
                backbone=backbone,
                neck=dict(
                    type='FPN', in_channels=[1] * 4, out_channels=8, num_outs=5
                ),
                bbox_head=dict(
                    type='RetinaHead',
                    num_classes=3,
                    in_channels=8,
                    feat_channels=8,
                    stacked_convs=1,
                ),
                **model,
            ),
        )
    )
    object.__setattr__(cfg, '_filename', 'detector.py')
    return cfg
