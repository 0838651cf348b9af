"""Loss modules in upstream's algorithms, as its configs build them."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmpretrain.registry import MODELS
from torch import nn
from torch.multiprocessing import ProcessExitedException

from mmdcl.models import DCLHead, DCLWHead
from tests.engine.test_train_loop import assert_identical, on
from tests.runs import SIMCLR

RESNET = dict(depth=18, stem_channels=8, base_channels=8)
NARROW = dict(in_channels=64, hid_channels=16, out_channels=8)
QUEUE = dict(queue_len=32, feat_dim=8)
VIT = dict(
    _delete_=True,
    embed_dims=64,
    num_layers=2,
    num_heads=2,
    feedforward_channels=64,
)
PREDICTOR = dict(head=dict(predictor=dict(NARROW, in_channels=8)))
SMALL = {
    'simclr/simclr_resnet50_8xb32-coslr-200e_in1k': dict(backbone=RESNET),
    'mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k': dict(
        QUEUE, backbone=RESNET
    ),
    'densecl/densecl_resnet50_8xb32-coslr-200e_in1k': dict(
        QUEUE, backbone=RESNET
    ),
    'mocov3/mocov3_resnet50_8xb512-amp-coslr-100e_in1k': dict(
        PREDICTOR, backbone=RESNET
    ),
    'mocov3/mocov3_vit-small-p16_16xb256-amp-coslr-300e_in1k': dict(
        PREDICTOR, backbone=dict(arch=VIT, img_size=32, patch_size=8)
    ),
}
LOSSES = {
    'DCLHead': dict(type='mmdcl.DecoupledCrossEntropyLoss'),
    'DCLWHead': dict(
        type='mmdcl.WeightedDecoupledCrossEntropyLoss', sigma=0.3
    ),
}
HEADS = {
    'DCLHead': DCLHead,
    'DCLWHead': lambda temperature: DCLWHead(temperature, sigma=0.3),
}


def upstream(path):
    """The model of a config, narrow."""
    cfg = Config(dict(model=get_config(f'mmpretrain::{path}.py').model))
    cfg.merge_from_dict(deepcopy(dict(model=dict(SMALL[path], neck=NARROW))))
    return cfg.model


class Split(nn.Module):
    """What a loss module is by definition: a head, over a label's columns."""

    def __init__(self, head, weight):
        super().__init__()
        self.head, self.weight = head, weight

    def forward(self, logits, labels):
        cosines = logits * self.head.temperature
        label = nn.functional.one_hot(labels, logits.shape[1]).bool()
        pos, neg = cosines[label], cosines[~label].view(len(labels), -1)
        return self.weight * self.head.loss(pos, neg)


def train(model, views):
    """Losses and gradients of two steps, and all that the model ends with."""
    found = []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in views:
        losses = model(list(step), mode='loss')
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        found.append((losses, [p.grad for p in model.parameters()]))
    return found, model.state_dict()


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('path', SMALL, ids=lambda path: path.split('_in')[0])
def test_a_training_step_is_that_of_our_head(path, head):
    cfg = upstream(path)
    temperature, loss = cfg.head.temperature, cfg.head.loss
    weight = loss.pop('loss_weight', 1.0)
    cfg.head.loss = dict(LOSSES[head], loss_weight=weight)
    if head == 'DCLWHead':
        cfg.head.loss.temperature = temperature
    model = revert_sync_batchnorm(MODELS.build(cfg)).double().train()
    model.init_weights()
    twin = deepcopy(model)
    wanted = HEADS[head](temperature)
    if 'mocov3' in path:
        twin.head.loss_module = Split(wanted, weight)
    else:
        assert weight == 1
        twin.head = wanted
    MessageHub.get_current_instance().update_info('max_iters', 4)
    views = torch.rand(2, 2, 8, 3, 32, 32, dtype=torch.double)
    found, expected = train(model, views), train(twin, views)
    assert any(p.abs().max() > 1e-3 for p in found[0][0][1] if p is not None)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize('path', SMALL, ids=lambda path: path.split('_in')[0])
def test_one_in_the_place_of_the_other_is_named(path):
    """With what to write, as the last line of upstream's train.py."""
    cfg = upstream(path)
    views = list(torch.rand(2, 4, 3, 32, 32))
    MessageHub.get_current_instance().update_info('max_iters', 4)
    for key, kind, says in (
        ('loss', 'InfoNCEHead', 'is a head .*mmdcl.DecoupledCrossEntropyL'),
        ('head', 'DecoupledCrossEntropyLoss', 'is a loss mod.*mmdcl.DCLHead'),
    ):
        model = deepcopy(cfg)
        place = model if key == 'head' else model.head
        place[key] = dict(type=f'mmdcl.{kind}')
        model = revert_sync_batchnorm(MODELS.build(model))
        with pytest.raises(TypeError, match=f'^{kind} {says}'):
            model(views, mode='loss')


def test_our_simclr_and_a_head_under_moco_v3_say_what_to_write():
    module = dict(SIMCLR, head=dict(type='mmdcl.DecoupledCrossEntropyLoss'))
    with pytest.raises(TypeError, match=r"got Decoupled.*'mmdcl\.DCLHead'"):
        MODELS.build(module)
    cfg = upstream('mocov3/mocov3_resnet50_8xb512-amp-coslr-100e_in1k')
    cfg.head = dict(type='mmdcl.DCLHead')
    model = revert_sync_batchnorm(MODELS.build(cfg))
    MessageHub.get_current_instance().update_info('max_iters', 4)
    with pytest.raises(ValueError, match=r'MoCo v3 .*DecoupledCrossEntropyL'):
        model(list(torch.rand(2, 4, 3, 32, 32)), mode='loss')


def test_moco_v3_killed_and_resumed_equals_uninterrupted(tmp_path):
    """Weights, momentum encoder and its annealing, killed inside an epoch."""
    path = 'configs/mocov3-dcl_vit-tiny-p4_1xb64_cifar10.py'
    cfg = Config.fromfile(Path(__file__).parents[2] / path)
    cfg.model.backbone.img_size = 16
    setting = dict(model=cfg.model.to_dict())
    (expected,) = on(1, tmp_path / 'whole', **setting)
    killed = tmp_path / 'killed'
    with pytest.raises(ProcessExitedException, match='SIGKILL'):
        on(1, killed, kill_at=7, **setting)
    (found,) = on(1, killed, resume=True, **setting)
    assert found['model']['momentum_encoder.steps'] == 12
    assert_identical(found, expected)
