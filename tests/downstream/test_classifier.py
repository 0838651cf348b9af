"""One vector an image for a classifier, and nothing of it trained."""

import pytest
import torch
from mmengine.registry import MODELS

from mmdcl.downstream.adoption import adopt_backbone
from tests.downstream.networks import OF_TIMM, VIT, classifier, pretrained

TIMM_VIT = dict(
    type='mmdcl.TIMMBackbone',
    model_name='vit_tiny_patch16_224',
    img_size=32,
    **dict(embed_dim=24, depth=2, num_heads=2, patch_size=8),
)

CONVNEXT = dict(
    type='ConvNeXt', arch=dict(depths=[1, 1, 1, 1], channels=[8, 8, 16, 16])
)


@pytest.mark.parametrize(
    'backbone',
    [
        dict(VIT, out_type='raw'),
        dict(VIT, out_type='raw', with_cls_token=False),
        dict(VIT, type='MoCoV3ViT', patch_size=16),
        CONVNEXT,
        OF_TIMM,
        TIMM_VIT,
        dict(type='EfficientNet', arch='b0'),
    ],
    ids=lambda backbone: backbone.get('model_name', backbone['type']),
)
def test_any_backbone_can_be_frozen(backbone):
    """Nothing of it moves in a step of training, statistics included."""
    if 'model_name' in backbone:
        pytest.importorskip('timm')
    checkpoint, _ = pretrained(backbone)
    cfg = classifier()
    adopted = adopt_backbone(cfg, checkpoint, frozen=True)
    model = MODELS.build(cfg.model)
    model.backbone.load_state_dict(adopted.tensors)
    before = {k: x.clone() for k, x in model.state_dict().items()}
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1, weight_decay=0.1)
    images = torch.randn(2, 3, 64, 64)
    model.head.fc(model.extract_feat(images)[-1]).sum().backward()
    optimizer.step()
    moved = {
        k for k, x in model.state_dict().items() if (x != before[k]).any()
    }
    assert moved == {'head.fc.weight', 'head.fc.bias'}


def test_of_tokens_the_class_token_is_taken_or_patches_averaged(capsys):
    for with_one, said in ((True, 'class token'), (False, 'average of all')):
        tokens = dict(VIT, out_type='raw', with_cls_token=with_one)
        checkpoint, network = pretrained(tokens)
        cfg = classifier()
        adopted = adopt_backbone(cfg, checkpoint)
        assert f'the {said}' in capsys.readouterr().out
        model = MODELS.build(cfg.model).eval()
        model.backbone.load_state_dict(adopted.tensors)
        images = torch.randn(2, 3, 64, 64)
        network.eval()
        (wanted,) = network(images)
        wanted = wanted[:, 0] if with_one else wanted.mean(1)
        torch.testing.assert_close(model.extract_feat(images)[-1], wanted)


@pytest.mark.parametrize('backbone', [OF_TIMM, TIMM_VIT], ids=['cnn', 'vit'])
def test_networks_of_timm_are_pooled_by_timm(backbone):
    """Also those of mmpretrain's wrapper, and for images of another size."""
    timm = pytest.importorskip('timm')
    checkpoint, network = pretrained(backbone)
    cfg = classifier()
    adopted = adopt_backbone(cfg, checkpoint)
    model = MODELS.build(cfg.model).eval()
    model.backbone.load_state_dict(adopted.tensors)
    arguments = {k: x for k, x in backbone.items() if k != 'type'}
    theirs = timm.create_model(num_classes=0, **arguments).eval()
    theirs.load_state_dict(network.timm_model.state_dict())
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(model.extract_feat(images)[-1], theirs(images))
    assert model(torch.randn(2, 3, 64, 64)).shape == (2, 10)
