"""Networks in detectors: the same maps, or why not."""

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope

from mmdcl.downstream.adoption import adopt_backbone
from mmdcl.errors import UserError
from tests.downstream.networks import OF_TIMM, SWIN, VIT, detector, pretrained

pytest.importorskip('mmdet')


def test_swin_in_a_detector_has_fresh_norms_and_the_same_maps(capsys):
    checkpoint, network = pretrained(SWIN)
    cfg = detector(dict(type='SwinTransformer', embed_dims=96))
    adopted = adopt_backbone(cfg, checkpoint)
    assert adopted.fresh == ('norm0.', 'norm1.', 'norm2.')
    assert 'has no norm0, norm1, norm2: fresh' in capsys.readouterr().out
    assert cfg.model.neck.in_channels == [12, 24, 48, 96]
    found = MODELS.build(cfg.model).backbone
    assert type(found).__module__.startswith('mmdet')
    missing, unexpected = found.load_state_dict(adopted.tensors, strict=False)
    assert not unexpected
    assert {name.partition('.')[0] for name in missing} == {
        'norm0',
        'norm1',
        'norm2',
    }
    found.eval()
    network.eval()
    images = torch.randn(1, 3, 96, 80)
    torch.testing.assert_close(found(images)[-1], network(images)[-1])


def test_what_no_detector_takes_is_refused_at_once():
    ours = dict(type='ResNet', depth=50)
    for other, name in ((VIT, 'VisionTransformer'), (SWIN, 'SwinTransformer')):
        checkpoint, _ = pretrained(other)
        with pytest.raises(UserError, match=f'has a {name}, but .* a ResNet'):
            adopt_backbone(detector(ours), checkpoint)
        init_default_scope('mmpretrain')
    cifar = dict(type='ResNet_CIFAR', depth=18)
    checkpoint, _ = pretrained(cifar)
    with pytest.raises(UserError, match=r'has a ResNet_CIFAR, but'):
        adopt_backbone(detector(ours), checkpoint)
    absolute = dict(SWIN, use_abs_pos_embed=True)
    init_default_scope('mmpretrain')
    checkpoint, _ = pretrained(absolute)
    with pytest.raises(UserError, match='absolute positions'):
        adopt_backbone(detector(dict(type='SwinTransformer')), checkpoint)


def test_defaults_of_the_checkpoint_count_too():
    checkpoint, _ = pretrained(dict(type='ResNet', depth=18))
    slim = dict(type='ResNet', depth=50, base_channels=32, style='caffe')
    cfg = detector(dict(slim, deep_stem=True, frozen_stages=1))
    adopt_backbone(cfg, checkpoint)
    assert cfg.model.backbone.base_channels == 64
    assert cfg.model.backbone.depth == 18
    assert cfg.model.backbone.style == 'pytorch'
    assert not cfg.model.backbone.deep_stem
    assert cfg.model.backbone.frozen_stages == 1
    assert cfg.model.neck.in_channels == [64, 128, 256, 512]


def test_timm_in_a_detector_gives_the_maps_of_the_same_weights():
    pytest.importorskip('timm')
    checkpoint, network = pretrained({**OF_TIMM, 'features_only': False})
    maps = dict(type='mmpretrain.TIMMBackbone', features_only=True)
    cfg = detector(dict(maps, model_name='convnext_tiny'))
    adopted = adopt_backbone(cfg, checkpoint)
    assert cfg.model.neck.in_channels == [8, 8, 16, 16]
    found = MODELS.build(cfg.model).backbone
    found.load_state_dict(adopted.tensors)
    found.eval()
    network.eval()
    images = torch.randn(1, 3, 64, 64)
    wanted = network.timm_model.forward_features(images)
    torch.testing.assert_close(found(images)[-1], wanted)
