"""Whoever made a file: what is read from it is data and runs no code."""

import os
import pickle
import re
import zipfile
from functools import partial
from importlib import import_module

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmdcl.checkpoints import load_backbone, read_checkpoint
from mmdcl.checkpoints.architecture import (
    pretrained_backbone,
    pretraining_config,
)
from mmdcl.checkpoints.strict import only_strict
from mmdcl.cli.main import parse
from mmdcl.downstream.pretrained_network import (
    build_network,
    largest_network,
    network_config,
)
from tests.runs import BACKBONE, PLAIN, VIEWS, loader, runner

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


def test_a_network_is_not_by_far_larger_than_its_file():
    """Before memory is filled: this one has 10^15 parameters."""
    checkpoint = {'state_dict': {'conv1.weight': torch.ones(64, 3, 7, 7)}}
    huge = dict(resnet(), base_channels=10**6)
    with pytest.raises(ValueError, match='more than 100,018,816 parameters'):
        build_network(huge, most=largest_network(checkpoint))
    build_network(resnet(), most=largest_network(checkpoint))


def test_no_file_is_loaded_while_a_network_is_built(evil):
    torch.save({}, 'a.pth')
    for path in ('a.pth', 'https://0.0.0.0/a.pth'):
        network = dict(type='CLIPGenerator', tokenizer_path=path)
        with pytest.raises(ValueError, match=r"makes its network load '.*a"):
            build_network(network)


def test_networks_of_mmengines_and_pythons_configs_are_built():
    shorter = network_config(
        dict(
            type='mmpretrain.models.backbones.resnet.ResNet',
            norm_cfg=dict(type='torch.nn.modules.batchnorm.SyncBatchNorm'),
            stem=[dict(act_cfg=dict(type='torch.nn.ReLU'), init_cfg=RUN)],
            init_cfg=dict(type='Pretrained', checkpoint='https://evil'),
            pretrained='https://evil',
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


class Harm:
    """A pickle that makes X when it is run."""

    def __reduce__(self):
        return os.mkdir, ('X',)


def few(split='train', pipeline=VIEWS):
    """Of 64 digits; mmengine collects garbage where it packs datasets."""
    found = loader(split, pipeline)
    found['dataset'].update(indices=64, serialize_data=False)
    return found


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    """The checkpoint of an honest run, and its config."""
    work_dir = tmp_path_factory.mktemp('good')
    none = dict.fromkeys(('val_dataloader', 'val_cfg', 'val_evaluator'))
    adam = dict(optimizer=dict(type='Adam', lr=0.01))
    none |= dict(optim_wrapper=adam, log_level='INFO')
    run = runner(work_dir, train_dataloader=few(), **none)
    run.train()
    run.cfg.dump(work_dir / 'run.py')
    return work_dir


def pickled(path, good):
    torch.save({**good, 'x': Harm()}, path)


def plain(path, good):
    with path.open('wb') as file:
        pickle.dump({**good, 'x': Harm()}, file)


def legacy(path, good):
    new = dict(_use_new_zipfile_serialization=False)
    torch.save({**good, 'x': Harm()}, path, **new)


def zipped(change, kind=zipfile.ZIP_STORED):
    def write(path, good):
        torch.save(good, path)
        records = {}
        with zipfile.ZipFile(path) as old:
            for name in old.namelist():
                records[name] = old.read(name)
        change(records)
        with zipfile.ZipFile(path, 'w', kind) as new:
            for name, content in records.items():
                new.writestr(name, content)

    return write


FILES = {
    'pickle': (pickled, 'could run code'),
    'plain pickle': (plain, 'could run code'),
    'old pickle': (legacy, 'could run code'),
    'zip bomb': (
        zipped(lambda x: x.update(y=bytes(2**23)), zipfile.ZIP_DEFLATED),
        'no file of torch.save.* compressed',
    ),
    'traversal': (
        zipped(lambda x: x.update({'../../X': b'x'})),
        r"no file of torch.save.*record is named '\.\./\.\./X'",
    ),
    'header': (
        lambda path, good: path.write_bytes(b'\xff' * 7 + b'\x7f{"w":'),
        'cut short',
    ),
}


def command(name, *flags):
    args = parse(name, [*map(str, flags)])
    import_module(f'mmdcl.cli.{name}').run(args)


def train(good, *flags):
    flags = ['--no-report', *flags]
    command('train', good / 'run.py', '--work-dir', 'w', *flags)


def knn_config():
    model = dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet', depth=50),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=10, in_channels=2048),
    )
    Config(
        dict(
            default_scope='mmpretrain',
            model=model,
            train_dataloader=few('train', PLAIN),
            test_dataloader=few('test', PLAIN),
            test_evaluator=dict(type='Accuracy'),
            test_cfg=dict(type='mmdcl.KNNTestLoop', k=5),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            train_cfg=dict(by_epoch=True, max_epochs=1),
        )
    ).dump('knn.py')
    return 'knn.py'


def hook(path):
    found = dict(type='mmdcl.PretrainedBackboneHook', checkpoint=str(path))
    small = dict(train_dataloader=few(), val_dataloader=few('test', PLAIN))
    runner(path.parent / 'w', custom_hooks=[found], **small).val()


def pretrained(path, good):
    initial = 'model.backbone.init_cfg'
    initial = [f'{initial}.type=Pretrained', f'{initial}.checkpoint={path}']
    train(good, '--cfg-options', *initial)


def pointed(path, good, *flags):
    folder = path.parent / 'w'
    folder.mkdir()
    path.rename(folder / 'epoch_1.pth')
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_1.pth'))
    train(good, *flags)


DOORS = {
    'read_checkpoint': lambda p, g: read_checkpoint(p),
    'load_backbone': lambda p, g: load_backbone(build_network(BACKBONE), p),
    'hook': lambda p, g: hook(p),
    'train resume': lambda p, g: train(g, '--resume', p),
    'train bare resume': lambda p, g: pointed(p, g, '--resume'),
    'train resume by option': lambda p, g: pointed(
        p, g, '--cfg-options', 'resume=True'
    ),
    'train load_from by option': lambda p, g: train(
        g, '--cfg-options', f'load_from={p}'
    ),
    'train init_cfg': lambda p, g: pretrained(p, g),
    'train pretrained': lambda p, g: train(
        g, '--cfg-options', f'model.pretrained={p}'
    ),
    'test': lambda p, g: command('test', knn_config(), p),
    'evaluate': lambda p, g: command(
        'evaluate', p, '--protocol', 'knn', '--config', knn_config()
    ),
    'export': lambda p, g: command('export', p, 'out.pth'),
}  # fmt: skip


@pytest.mark.parametrize('door', DOORS)
@pytest.mark.parametrize('payload', FILES)
def test_no_file_runs_code_by_any_door(payload, door, evil, good):
    write, message = FILES[payload]
    suffix = 'safetensors' if payload == 'header' else 'pth'
    path = evil.parent / f'file.{suffix}'
    content = torch.load(good / 'epoch_1.pth', weights_only=False)
    write(path, content)
    if suffix == 'safetensors' and 'resume' in door:
        pytest.skip('nothing is resumed from it')
    with pytest.raises((SystemExit, ValueError)) as error:
        DOORS[door](path, good)
    assert re.search(message, str(error.value), re.DOTALL)
    assert not evil.exists()
    assert not list(evil.parent.parent.glob('X'))


@pytest.mark.parametrize(
    ('door', 'address'),
    [
        ('train resume', 'https://0.0.0.0/a.pth'),
        ('train load_from by option', 's3://evil/a.pth'),
        ('train init_cfg', 'torchvision://resnet18'),
        ('train pretrained', 'open-mmlab://resnet18'),
        ('test', 'http://0.0.0.0/a.pth'),
    ],
)
def test_addresses_are_refused(door, address, evil, good):
    with pytest.raises(ValueError, match=r'is an address.*--trust'):
        DOORS[door](address, good)


@pytest.mark.parametrize('option', ['load_from=b.pth', 'resume=True'])
def test_an_option_does_not_change_what_is_tested(
    option, monkeypatch, good, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    options = ('--cfg-options', option)
    with pytest.raises(SystemExit):
        command('test', knn_config(), good / 'epoch_1.pth', *options)
    assert 'what is tested is' in capsys.readouterr().err


CONFIGS = {
    'dotted type': "dict(type='os.system', command='touch X')",
    'hub': "dict(type='torch.hub.load', repo_or_dir='.', model='X')",
    'norm': "dict(type='ResNet', depth=18, norm_cfg=dict(type='evil.X'))",
    'scope': "dict(type='ResNet', depth=18, _scope_='evil')",
    'lambda': "dict(type='ResNet', depth=(lambda: open('X', 'w'))())",
    'call': "dict(type='ResNet', depth=open('X', 'w'))",
}


@pytest.mark.parametrize('door', ['evaluate', 'export'])
@pytest.mark.parametrize('payload', CONFIGS)
def test_no_config_in_a_checkpoint_runs(payload, door, evil, good):
    content = torch.load(good / 'epoch_1.pth', weights_only=False)
    text = "import evil\ncustom_imports = dict(imports=['evil'])\n"
    text += f'model = dict(backbone={CONFIGS[payload]})\n'
    content['meta']['cfg'] = text
    path = evil.parent / 'file.pth'
    torch.save(content, path)
    match = r"config names '|is more than plain data"
    with pytest.raises((SystemExit, ValueError), match=match):
        DOORS[door](path, good)
    assert not evil.exists()


def test_a_resumed_config_is_text_and_the_rest_as_saved(evil, good):
    path = evil.parent / 'file.pth'
    content = torch.load(good / 'epoch_1.pth', weights_only=False)
    content['meta']['config'] = '__import__("evil")'
    content['meta']['cfg'] += '\n__import__("evil")'
    torch.save(content, path)
    only_strict()
    run = runner(
        evil.parent / 'w',
        train_dataloader=few(),
        resume=True,
        load_from=str(path),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.01)),
    )
    run.train_loop  # noqa: B018 - built
    run.load_or_resume()
    assert run.iter == 1
    theirs = content['message_hub']['log_scalars']
    assert theirs
    for name, history in run.message_hub.log_scalars.items():
        assert np.array_equal(history.data, theirs[name].data)
    assert_close = partial(torch.testing.assert_close, rtol=0, atol=0)
    assert_close(run.model.state_dict(), content['state_dict'])
    moments = run.optim_wrapper.state_dict()['state']
    assert moments
    assert_close(moments, content['optimizer']['state'])
    assert not evil.exists()
