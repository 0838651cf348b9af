import argparse
import re
from pathlib import Path

import mmpretrain
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from torch import nn

from mmdcl.checkpoints import (
    find_backbone,
    load_backbone,
    read_checkpoint,
)
from mmdcl.checkpoints.architecture import (
    plain_backbone,
    preprocessing_differences,
    pretraining_config,
)
from tests.runs import VIEWS, loader, runner


def resnet(depth=18, **kwargs):
    torch.manual_seed(depth)
    slim = dict(stem_channels=4, base_channels=4)
    kind = dict(type='mmpretrain.ResNet', depth=depth)
    return MODELS.build({**kind, **slim, **kwargs})


def prefixed(prefix, state):
    return {f'{prefix}{name}': tensor for name, tensor in state.items()}


STATE = resnet().state_dict()
LAYOUTS = {
    'bare': STATE,
    'prefixed': {'state_dict': prefixed('backbone.', STATE)},
    'ddp': {'state_dict': prefixed('module.backbone.', STATE)},
    'ema': {'ema_state_dict': prefixed('module.backbone.', STATE)},
    'compiled': {'state_dict': prefixed('backbone._orig_mod.', STATE)},
    'moco': {'state_dict': prefixed('module.encoder_q.', STATE)},
    'torchvision': {**STATE, 'fc.weight': torch.zeros(10, 32)},
    'classifier': {
        'state_dict': {
            **prefixed('backbone.', STATE),
            'head.fc.weight': torch.zeros(10, 32),
            'neck.fc0.weight': torch.zeros(8, 32),
        }
    },
    'byol': {
        'state_dict': {
            **prefixed('backbone.', STATE),
            **prefixed('target_net.module.0.', STATE),
        }
    },
    'compiled ddp': prefixed('module._orig_mod.module.', STATE),
}


def numbered(prefix, first, state, shortcut='downsample'):
    """Children of an nn.Sequential; ``first`` is the number of layer1."""
    names = {'conv1': 0, 'bn1': 1}
    names |= {f'layer{i + 1}': first + i for i in range(4)}
    found = {}
    for name, tensor in state.items():
        child, _, rest = name.partition('.')
        rest = rest.replace('downsample', shortcut)
        found[f'{prefix}{names[child]}.{rest}'] = tensor
    return found


OTHER = {name: tensor + 1 for name, tensor in STATE.items()}
HEAD = {'fc.weight': torch.zeros(10, 32), 'fc.bias': torch.zeros(10)}
TRUNK = {'_feature_blocks.' + name: x for name, x in STATE.items()}
TRUNK = {'trunk': TRUNK, 'heads': {'0.clf.0.weight': torch.zeros(8, 32)}}
FOREIGN = {
    'dino': {
        'student': prefixed('module.backbone.', OTHER),
        'teacher': prefixed('backbone.', STATE),
        'optimizer': {'state': {0: {'step': torch.zeros(())}}},
        'args': argparse.Namespace(arch='resnet18', lr=0.1),
        'epoch': 3,
    },
    'vissl': {
        'phase_idx': 3,
        'classy_state_dict': {
            'base_model': {'model': TRUNK, 'meta': {}},
            'optimizer': {},
        },
    },
    'lightly': {'state_dict': numbered('backbone.', 4, STATE)},
    'lightly-generator': {
        'state_dict': {
            **numbered('backbone.', 2, STATE, 'shortcut'),
            'projection_head.layers.0.weight': torch.zeros(8, 32),
            'projection_head.layers.1.weight': torch.zeros(8),
        }
    },
    'lightly-momentum': {
        **numbered('backbone.', 3, STATE),
        **numbered('backbone_momentum.', 3, OTHER),
    },
    'sequential': numbered('', 4, STATE),
    'moco': {
        'arch': 'resnet18',
        'state_dict': {
            **prefixed('module.encoder_q.', {**STATE, **HEAD}),
            **prefixed('module.encoder_k.', {**OTHER, **HEAD}),
            'module.queue': torch.zeros(8, 4),
        },
    },
    'moco-v3': {
        'state_dict': {
            **prefixed('module.base_encoder.', STATE),
            **prefixed('module.momentum_encoder.', OTHER),
        }
    },
    'byol': {
        **prefixed('online_encoder.net.', STATE),
        **prefixed('target_encoder.net.', OTHER),
    },
    'swav': {**prefixed('module.', STATE), 'module.prototypes.weight': STATE},
    'simsiam': {'state_dict': prefixed('module.encoder.', STATE)},
    'solo-learn': {
        'state_dict': {
            **prefixed('backbone.', STATE),
            **prefixed('momentum_backbone.', OTHER),
            'classifier.weight': torch.zeros(10, 32),
        },
        'hyper_parameters': {'method': 'byol'},
    },
    'solo-learn-old': {'state_dict': prefixed('encoder.', STATE)},
    'timm': {
        'state_dict': {**STATE, **HEAD},
        'state_dict_ema': {**OTHER, **HEAD},
        'args': argparse.Namespace(model='resnet18'),
    },
    'nested': {'model': {'net': STATE, 'heads': HEAD}},
}
LAYOUTS |= {f'foreign {name}': x for name, x in FOREIGN.items()}


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_layout_gives_every_tensor(layout, tmp_path):
    torch.save(LAYOUTS[layout], tmp_path / 'a.pth')
    backbone = resnet()
    for parameter in backbone.parameters():
        nn.init.constant_(parameter, 7)
    load_backbone(backbone, tmp_path / 'a.pth')
    found = backbone.state_dict()
    assert all(torch.equal(found[name], x) for name, x in STATE.items())


def test_copies_are_reached_by_the_path_to_them():
    for layout, prefix in (
        ('dino', 'student'),
        ('dino', 'student.backbone.'),
        ('lightly-momentum', 'backbone_momentum'),
        ('moco', 'encoder_k'),
        ('timm', 'state_dict_ema'),
        ('solo-learn', 'momentum_backbone'),
    ):
        found = find_backbone(FOREIGN[layout], STATE, prefix)
        assert found.prefix.startswith(prefix)
        assert all(torch.equal(x, OTHER[k]) for k, x in found.tensors.items())
    found = find_backbone(FOREIGN['vissl'], STATE).prefix
    path = 'classy_state_dict.base_model.model.trunk._feature_blocks.'
    assert found == path


def test_upstreams_ema_writes_the_average_as_the_model(tmp_path):
    ema = dict(type='EMAHook', momentum=0.5)
    train = dict(loader('train', VIEWS), num_batch_per_epoch=2)
    none = dict.fromkeys(('val_dataloader', 'val_cfg', 'val_evaluator'))
    run = runner(tmp_path, train_dataloader=train, custom_hooks=[ema], **none)
    run.train()
    trained = run.model.backbone.state_dict()
    (hook,) = [x for x in run.hooks if type(x).__name__ == 'EMAHook']
    average = hook.ema_model.module.backbone.state_dict()
    backbone = run.model.backbone
    checkpoint = read_checkpoint(tmp_path / 'epoch_1.pth')
    for prefix, wanted in ((None, average), ('ema_state_dict', trained)):
        found = find_backbone(checkpoint, backbone.state_dict(), prefix)
        weight = 'layer1.0.conv1.weight'
        assert torch.equal(found.tensors[weight], wanted[weight])
    assert not torch.equal(average[weight], trained[weight])


def test_networks_are_told_apart():
    kinds = {
        'ResNet of depth=34, base_channels=4 (first convolution 7x7)': 34,
        'ResNet of depth=50, base_channels=4 (first convolution 7x7)': 50,
    }
    for kind, depth in kinds.items():
        with pytest.raises(ValueError, match=re.escape(f'has a {kind}, not')):
            find_backbone(resnet(depth).state_dict(), STATE)
    small = resnet(type='mmpretrain.ResNet_CIFAR').state_dict()
    message = 'has a ResNet_CIFAR of depth=18, base_channels=4 (first conv'
    for state in (small, numbered('backbone.', 3, small)):
        with pytest.raises(ValueError, match=re.escape(message)):
            find_backbone(state, STATE)
    message = r'not hold this backbone; .* cls, it has backbone\.0\.weight'
    with pytest.raises(ValueError, match=message):
        find_backbone(
            numbered('backbone.', 4, small), {'cls': STATE['conv1.weight']}
        )
    meta = {**STATE, 'bn1.weight': STATE['bn1.weight'].to('meta')}
    with pytest.raises(ValueError, match=r'1 without values: bn1\.weight'):
        find_backbone(meta, STATE)
    more = {**STATE, 'norm0.weight': torch.zeros(4)}
    with pytest.raises(ValueError, match=r'1 missing: norm0\.weight'):
        find_backbone(STATE, more)
    found = find_backbone(STATE, more, optional=('norm0.',))
    assert found.tensors.keys() == STATE.keys()


def test_mistakes_are_listed():
    checkpoint = LAYOUTS['prefixed']
    with pytest.raises(ValueError, match=r'80 missing: layer1\.2\.conv1'):
        find_backbone(checkpoint, resnet(34).state_dict())
    deeper = {'state_dict': prefixed('backbone.', resnet(34).state_dict())}
    with pytest.raises(ValueError, match=r'96 unexpected: layer1\.2\.conv1'):
        find_backbone(deeper, STATE)
    wider = resnet(base_channels=8).state_dict()
    match = r'shape: .*\(4, 4, 3, 3\) instead of \(8, 4, 3, 3\)'
    with pytest.raises(ValueError, match=match):
        find_backbone(checkpoint, wider)
    with pytest.raises(ValueError, match=r'named teacher\.\*; it has back'):
        find_backbone(checkpoint, STATE, prefix='teacher')
    vit = {'cls_token': torch.zeros(1)}
    with pytest.raises(ValueError, match=r'not hold .*cls_token.*conv1'):
        find_backbone(checkpoint, vit)
    twins = {**prefixed('a.', STATE), **prefixed('b.', STATE)}
    with pytest.raises(ValueError, match=r"2 times, under 'a\.', 'b\.'"):
        find_backbone(twins, STATE)
    assert find_backbone(twins, STATE, prefix='b').prefix == 'b.'
    bad = {**STATE, 'bn1.weight': torch.full((4,), torch.nan)}
    with pytest.raises(ValueError, match=r'1 not finite: bn1\.weight'):
        find_backbone(bad, STATE)


def test_a_config_is_read_as_data_and_not_run(tmp_path):
    backbone = dict(type='ResNet', depth=18, norm_cfg=dict(type='SyncBN'))
    cfg = Config(dict(model=dict(backbone=backbone), lr=[0.1, (1, 2)]))
    text = f'{cfg.pretty_text}\nx = __import__("os").mkdir("{tmp_path}/x")\n'
    found = pretraining_config({'meta': {'cfg': text}})
    assert found == {'model': {'backbone': backbone}, 'lr': [0.1, (1, 2)]}
    assert not tmp_path.joinpath('x').exists()
    assert plain_backbone(backbone)['norm_cfg'] == {'type': 'BN'}
    assert pretraining_config({'state_dict': {}}) == {}


class Detector(nn.Module):
    """Of type C4: the last stage, and a norm, are in the shared head."""

    def __init__(self, **kwargs):
        super().__init__()
        three = dict(num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1))
        self.backbone = resnet(**three, out_indices=(2,), **kwargs)
        self.roi_head = nn.Module()
        self.roi_head.shared_head = nn.Module()
        self.roi_head.shared_head.layer4 = resnet(**kwargs).layer4
        self.roi_head.shared_head.norm = nn.BatchNorm2d(32)


def test_the_shared_head_of_a_detector_belongs_to_the_backbone():
    model = Detector()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 7)
    found = load_backbone(model, LAYOUTS['prefixed'], backbone='backbone')
    assert found.tensors.keys() == STATE.keys()
    state = model.state_dict()
    for name, tensor in STATE.items():
        place = 'roi_head.shared_head' if 'layer4' in name else 'backbone'
        assert torch.equal(state[f'{place}.{name}'], tensor)
    assert (model.roi_head.shared_head.norm.weight == 7).all()

    without = {k: x for k, x in STATE.items() if 'layer4' not in k}
    with pytest.raises(ValueError, match=r'\d+ missing: layer4\.0'):
        load_backbone(model, without, backbone='backbone')


def test_the_same_weights_with_other_strides_are_refused():
    meta = dict(cfg="model = dict(backbone=dict(type='ResNet', depth=50))")
    state = resnet(depth=50).state_dict()
    checkpoint = dict(state_dict=state, meta=meta)
    load_backbone(resnet(depth=50), checkpoint)
    with pytest.raises(ValueError, match=r"style='caffe' here"):
        load_backbone(resnet(depth=50, style='caffe'), checkpoint)
    model = Detector(depth=50)
    load_backbone(model, checkpoint, backbone='backbone')
    model.roi_head.shared_head.layer4 = resnet(depth=50, style='caffe').layer4
    with pytest.raises(ValueError, match=r"style='caffe' here"):
        load_backbone(model, checkpoint, backbone='backbone')


@pytest.mark.parametrize(
    'kind', ['SelfSupDataPreprocessor', 'ClsDataPreprocessor']
)
def test_the_same_preprocessing_is_no_difference(kind):
    norm = dict(mean=[1, 2, 3], std=[4, 5, 6], to_rgb=True)
    meta = dict(cfg=f'model = dict(data_preprocessor={norm!r})')
    same = MODELS.build(dict(norm, type=kind))
    assert preprocessing_differences(dict(meta=meta), same) == []
    other = MODELS.build(dict(norm, type=kind, to_rgb=False, std=[4, 5, 7]))
    assert preprocessing_differences(dict(meta=meta), other) == [
        'std [4.0, 5.0, 6.0], here [4.0, 5.0, 7.0]',
        'channels turned around, here as the dataset gives them',
    ]


@pytest.mark.parametrize(
    'config',
    [
        'simclr/simclr_resnet50_8xb32-coslr-200e_in1k.py',
        'mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py',
        'byol/byol_resnet50_16xb256-coslr-200e_in1k.py',
        'simsiam/simsiam_resnet50_8xb32-coslr-100e_in1k.py',
    ],
)
def test_checkpoints_of_upstream(config):
    path = Path(mmpretrain.__file__).parent / '.mim/configs' / config
    cfg = Config.fromfile(path)
    slim = dict(depth=18, stem_channels=4, base_channels=4)
    cfg.model.backbone.update(slim, norm_cfg=dict(type='BN'))
    cfg.model.neck.in_channels = 32
    model = MODELS.build(cfg.model)
    meta = dict(cfg=cfg.pretty_text)
    checkpoint = dict(state_dict=model.state_dict(), meta=meta)
    found = pretraining_config(checkpoint)['model']['backbone']
    backbone = MODELS.build(plain_backbone({**found, 'type': 'ResNet'}))
    wanted = model.backbone.state_dict()
    load_backbone(backbone, checkpoint)
    assert backbone.state_dict().keys() == wanted.keys()
    assert all(
        torch.equal(x, wanted[name])
        for name, x in backbone.state_dict().items()
    )
