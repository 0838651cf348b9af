"""Whoever made a file: what is read from it is data and runs no code."""

import pytest

from mmdcl.checkpoints.architecture import (
    pretrained_backbone,
    pretraining_config,
)
from mmdcl.cli.pretrained_network import build_network, network_config

RUN = dict(type='os.system', command='touch X')
PLUGIN = dict(cfg=RUN, stages=(True,) * 4, position='after_conv1')
CONV = dict(type='ConvModule', in_channels=1, out_channels=1, kernel_size=1)


def resnet(**kwargs):
    return dict(type='ResNet', depth=18, base_channels=4, **kwargs)


NETWORKS = {
    'dotted type': RUN,
    'hub': dict(type='torch.hub.load', repo_or_dir='.', source='local'),
    'norm': resnet(norm_cfg=RUN),
    'conv': resnet(conv_cfg=RUN),
    'plugin': resnet(plugins=[PLUGIN]),
    'scope': dict(resnet(), _scope_='evil'),
    'nested scope': resnet(norm_cfg=dict(type='BN', _scope_='evil')),
    'dotted under a scope': dict(type='mmdcl.os.system', command='touch X'),
    'no type key': dict(CONV, padding=1, padding_mode='evil.X'),
    'timm': dict(type='TIMMBackbone', model_name='hf-hub:evil/net'),
    'a whole model': dict(type='mmpretrain.ImageClassifier', backbone={}),
    'no string': dict(type=5),
}


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A folder with a package that leaves a trace when imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / 'evil'
    package.mkdir()
    code = f'open({str(tmp_path / "X")!r}, "w")\ndef X(*args, **kwargs): ...\n'
    for name in ('__init__', 'registry'):
        (package / f'{name}.py').write_text(code)
    (tmp_path / 'hubconf.py').write_text(code)
    return tmp_path / 'X'


@pytest.mark.parametrize('name', NETWORKS)
def test_only_registered_networks_are_built(name, evil):
    with pytest.raises(ValueError, match=r'no backbone or layer registered'):
        build_network(NETWORKS[name])
    assert not evil.exists()


def test_networks_of_mmengines_and_pythons_configs_are_built():
    shorter = network_config(
        dict(
            type='mmpretrain.models.backbones.resnet.ResNet',
            norm_cfg=dict(type='torch.nn.modules.batchnorm.SyncBatchNorm'),
            stem=[dict(act_cfg=dict(type='torch.nn.ReLU'), init_cfg=RUN)],
            init_cfg=dict(type='Pretrained', checkpoint='https://evil'),
        )
    )
    assert shorter == dict(
        type='mmpretrain.ResNet',
        norm_cfg=dict(type='BN'),
        stem=[dict(act_cfg=dict(type='ReLU'))],
    )
    scoped = resnet(norm_cfg=dict(type='SyncBN'), _scope_='mmpretrain')
    for backbone in (scoped, dict(type='MobileNetV2')):
        built = build_network(backbone)
        assert type(built).__name__ == backbone['type']
    with pytest.raises(ValueError, match=r"'ResNet', cannot be built: Key"):
        build_network(dict(type='ResNet', depth=7))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model = dict(backbone=lambda: 0)', 'more than plain .*lambda'),
        ('model = dict(backbone=dict(**open("X", "w")))', 'more than plain'),
        ('model = open("X", "w")', 'more than plain data'),
        ('model = {[]: 1}', 'more than plain data'),
        ('model = "os.system"', 'no dict'),
        ('model = dict(backbone="os.system")', 'no dict with `type`'),
        ('model = dict(', 'cannot be read'),
        ('x = ' + '(' * 5000, 'cannot be read'),
        ('model = ' + '-' * 50_000 + '1', 'cannot be read|plain data'),
        ('x = 1\n' * 200_000, 'at most 1,000,000 are read'),
    ],
)
def test_configs_are_data(text, message, evil):
    with pytest.raises(ValueError, match=message):
        pretrained_backbone({'meta': {'cfg': text}})
    assert not evil.exists()


def test_statements_are_no_data(evil):
    text = 'import evil\ncustom_imports = open("X", "w")\nx = 1\nx()\ny = 2'
    assert pretraining_config({'meta': {'cfg': text}}) == dict(x=1, y=2)
    for meta in (None, [], {}, {'cfg': 3}):
        assert pretraining_config({'meta': meta}) == {}
    assert not evil.exists()
