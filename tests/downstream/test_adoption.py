"""Networks in classifiers: which fit, and what is refused and why."""

import pytest
import torch
from mmengine.registry import MODELS
from mmpretrain.models import backbones as upstream

from mmdcl.downstream.adoption import adopt_backbone
from mmdcl.errors import UserError
from tests.downstream.networks import SWIN, VIT, classifier, pretrained


@pytest.mark.parametrize('backbone', [VIT, SWIN], ids=['vit', 'swin'])
@pytest.mark.parametrize('frozen', [True, False], ids=['linear', 'knn'])
def test_transformers_classify(backbone, frozen):
    checkpoint, network = pretrained(backbone)
    cfg = classifier()
    adopted = adopt_backbone(cfg, checkpoint, frozen=frozen)
    model = MODELS.build(cfg.model)
    model.backbone.load_state_dict(adopted.tensors)
    model.eval()
    images = torch.randn(2, 3, 64, 64)
    network.eval()
    wanted = network(images)[-1]
    wanted = wanted.mean((2, 3)) if wanted.ndim == 4 else wanted
    torch.testing.assert_close(model.extract_feat(images)[-1], wanted)
    assert model(images).shape == (2, 10)
    model.train()
    trained = [x.requires_grad for x in model.backbone.parameters()]
    assert any(trained) != frozen


def test_what_cannot_be_classified_is_said():
    checkpoint, _ = pretrained(dict(SWIN, window_size=5))
    cfg = classifier()
    resize = dict(type='Resize', scale=(32, 32))
    cfg.test_dataloader = dict(dataset=dict(pipeline=[resize]))
    with pytest.raises(UserError, match=r'no images of 32 x 32 px: .*window'):
        adopt_backbone(cfg, checkpoint)
    checkpoint, _ = pretrained(VIT)
    cfg = classifier()
    cfg.model.type = 'Own'
    with pytest.raises(UserError, match='how to freeze the backbone of a Own'):
        adopt_backbone(cfg, checkpoint, frozen=True)


def test_a_bare_file_is_tried_as_the_user_said():
    network = upstream.ResNet_CIFAR(depth=18)
    bare = dict(state_dict=network.state_dict())
    with pytest.raises(UserError, match=r'such as model\.backbone\.depth'):
        adopt_backbone(classifier(), bare)
    said = {'model.backbone.depth': 18}
    cfg = classifier(depth=18)
    with pytest.raises(UserError) as error:
        adopt_backbone(cfg, bare, options=said)
    assert 'tried, with model.backbone.depth=18' in str(error.value)
    assert 'such as' not in str(error.value).splitlines()[-1]
    cfg = classifier(depth=18, type='ResNet_CIFAR')
    adopt_backbone(cfg, bare, options=said)
