"""A benchmark begins with the weights that its record names."""

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from torch import nn

from mmdcl.downstream.weights import WeightsCheck, no_other_weights


def test_nothing_else_loads_weights():
    init = dict(type='Pretrained', checkpoint='a.pth')
    normal = dict(type='Normal', layer='Conv2d')
    hook = dict(type='mmdcl.engine.PretrainedBackboneHook', checkpoint='a.pth')
    cfg = Config(
        dict(
            load_from='b.pth',
            model=dict(
                pretrained='torchvision://resnet50',
                backbone=dict(init_cfg=[normal, init]),
                heads=[dict(init_cfg=init)],
                neck=dict(init_cfg=normal),
            ),
            custom_hooks=[hook, dict(type='EMAHook')],
        )
    )
    found = no_other_weights(cfg)
    assert found == [
        'load_from',
        'model.pretrained',
        'model.backbone.init_cfg',
        'model.heads.0.init_cfg',
        'custom_hooks (PretrainedBackboneHook)',
    ]
    assert cfg.load_from is None
    assert cfg.model.pretrained is None
    assert cfg.model.backbone.init_cfg == [normal]
    assert cfg.model.heads[0].init_cfg is None
    assert cfg.model.neck.init_cfg == normal
    assert [hook.type for hook in cfg.custom_hooks] == ['EMAHook']


class Runner:
    _resume, _load_from = True, 'epoch_1.pth'

    def __init__(self, model=None):
        self.model = model


@pytest.mark.parametrize('random', [True, False])
def test_what_is_recorded_is_compared(random):
    model = nn.Module()
    model.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    same = {k: x.clone() for k, x in model.backbone.state_dict().items()}
    other = {k: x + 1 if x.is_floating_point() else x for k, x in same.items()}
    right, wrong = (other, same) if random else (same, other)
    WeightsCheck(right, random).before_test(Runner(model))
    said = 'in spite of --random-init' if random else 'not those of the che'
    for moment in ('before_train', 'before_test'):
        check = WeightsCheck(wrong, random)
        assert isinstance(check, Hook)
        with pytest.raises(ValueError, match=said):
            getattr(check, moment)(Runner(model))


def test_what_is_resumed_began_with_the_same():
    one, other = {'weight': torch.ones(2)}, {'weight': torch.zeros(2)}
    saved = dict(meta={})
    WeightsCheck(one, False, 3).before_save_checkpoint(None, saved)
    WeightsCheck(one, False, 3).after_load_checkpoint(Runner(), saved)
    for weights, random, seed, said in (
        (other, False, 3, 'the same weights. '),
        (one, True, 3, 'the same weights. '),
        (one, False, 4, 'the same seed. '),
        (other, False, 4, 'the same weights and seed. '),
    ):
        check = WeightsCheck(weights, random, seed)
        with pytest.raises(ValueError, match=f'epoch_1.pth is .* {said}'):
            check.after_load_checkpoint(Runner(), saved)
    with pytest.raises(ValueError, match='weights and seed'):
        check.after_load_checkpoint(Runner(), dict(meta={}))
