"""The same features from the folder, to the last bit, or no folder."""

import json
import sys
from pathlib import Path

import pytest
import timm
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from safetensors import safe_open

from mmdcl.checkpoints import find_backbone, read_checkpoint
from mmdcl.checkpoints.architecture import pretrained_backbone
from mmdcl.checkpoints.inputs import inputs_of
from mmdcl.checkpoints.stem import widened_stem
from mmdcl.cli import export as command
from mmdcl.cli import export_hub, proof
from mmdcl.cli.main import parse
from mmdcl.errors import UserModuleNotFoundError
from mmdcl.hub.timm_folder import Inputs

RGB = dict(mean=[127.5] * 3, std=[51.0] * 3, to_rgb=True)
SLIM = dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)
VIT = dict(embed_dims=12, num_layers=2, num_heads=2, feedforward_channels=24)
VIT = dict(type='VisionTransformer', arch=VIT, img_size=48, patch_size=16)
WORDS = ['a.pth', 'model', '--style', 'timm-hub']


@pytest.fixture
def pretrained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(preprocessor=RGB, **backbone):
        init_default_scope('mmpretrain')
        network = MODELS.build(backbone)
        for name, tensor in network.state_dict().items():
            if name.endswith('running_mean'):
                tensor.normal_()
            elif name.endswith('running_var'):
                tensor.uniform_(0.5, 2)
        pipeline = [dict(type='LoadImageFromFile')]
        pipeline += [dict(type='ResizeEdge', scale=64)]
        pipeline += [dict(type='CenterCrop', crop_size=48)]
        model = dict(backbone=backbone, data_preprocessor=preprocessor)
        dataset = dict(type='ImageNet', pipeline=pipeline)
        loader = dict(dataset=dataset)
        text = f'model = {model!r}\ntest_dataloader = {loader!r}\n'
        text += f'train_dataloader = {loader!r}\n'
        state = {f'backbone.{k}': x for k, x in network.state_dict().items()}
        torch.save(dict(state_dict=state, meta=dict(cfg=text)), 'a.pth')
        network.eval()
        return network

    return write


def export(*flags):
    command.run(parse('export', [*WORDS, *flags]))


def features(network, channels=3):
    torch.manual_seed(0)
    images = torch.randn(3, channels, 48, 48)
    with torch.no_grad():
        ours = proof.features(network, images)
        theirs = timm.create_model('local-dir:model', pretrained=True)
        return ours, theirs.eval()(images)


@pytest.mark.parametrize(
    ('backbone', 'arguments', 'stem'),
    [
        (dict(type='ResNet', depth=18), {}, None),
        (
            dict(SLIM, in_channels=5),
            {'channels': [8, 16, 32, 64], 'in_chans': 5},
            8,
        ),
        (
            dict(type='ResNet', depth=50, base_channels=8, stem_channels=16),
            {'channels': [8, 16, 32, 64]},
            16,
        ),
        (
            dict(type='mmdcl.TIMMBackbone', model_name='test_convnext'),
            {},
            None,
        ),
    ],
    ids=['usual', 'slim', 'bottleneck', 'timm'],
)
def test_features_are_the_same(backbone, arguments, stem, pretrained, capsys):
    channels = backbone.get('in_channels', 3)
    numbers = dict(mean=[127.5] * channels, std=[51.0] * channels)
    network = pretrained(dict(RGB, **numbers), **backbone)
    export()
    said = capsys.readouterr().out
    assert 'to the last bit' in said
    assert (f'its stem of {stem} channels' in said) == (stem is not None)
    ours, theirs = features(network, channels)
    assert torch.equal(ours, theirs)

    with open('model/config.json') as file:
        config = json.load(file)
    assert config['num_classes'] == 0
    assert config['num_features'] == ours.shape[1]
    assert arguments.items() <= {'in_chans': 3, **config['model_args']}.items()
    theirs = config['pretrained_cfg']
    assert theirs['mean'] == [0.5] * channels
    assert theirs['std'] == [0.2] * channels
    assert theirs['input_size'] == [channels, 48, 48]
    assert theirs['crop_pct'] == 0.75
    # Of the weights that timm has under this name.
    assert not {'license', 'tag', 'test_input_size'} & theirs.keys()


@pytest.mark.parametrize(
    'backbone',
    [SLIM, dict(type='mmdcl.TIMMBackbone', model_name='test_convnext'), VIT],
    ids=['slim', 'timm', 'vit'],
)
def test_the_file_says_what_it_is(backbone, pretrained):
    """In mmpretrain's words, as whoever reads it by an address needs."""
    network = pretrained(**backbone)
    export('--half')
    with safe_open('model/model.safetensors', 'pt') as file:
        assert file.metadata()['format'] == 'pt'
        kinds = {file.get_tensor(k).dtype for k in file.keys()}  # noqa: SIM118
    assert kinds >= {torch.float16, torch.float32}
    checkpoint = read_checkpoint('model/model.safetensors')
    backbone = MODELS.build(pretrained_backbone(checkpoint))
    found = find_backbone(checkpoint, backbone.state_dict())
    backbone.load_state_dict(found.tensors)
    backbone.eval()
    ours, theirs = features(backbone)
    assert torch.equal(ours, theirs)
    exact, _ = features(network)
    assert not torch.equal(exact, ours)
    torch.testing.assert_close(exact, ours, atol=0.01, rtol=0.01)
    blocks = Path('model/README.md').read_text().split('```')[1::2]
    [block] = [x for x in blocks if 'from mmpretrain' in x]
    names = dict(images=torch.randn(2, 3, 48, 48))
    exec(block.removeprefix('python'), names)
    state = names['backbone'].state_dict()
    for name, tensor in found.tensors.items():
        assert torch.equal(state[name], tensor)


def test_a_folder_is_whole_or_not_there(pretrained, tmp_path, monkeypatch):
    pretrained(**SLIM)
    monkeypatch.setattr(export_hub, 'write_card', lambda facts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export()
    assert [x.name for x in tmp_path.iterdir()] == ['a.pth']


def test_what_is_there_stays(pretrained, tmp_path):
    pretrained(**SLIM)
    mine = tmp_path / 'model' / 'mine.txt'
    mine.parent.mkdir()
    mine.write_text('mine')
    with pytest.raises(OSError, match=r'model is there and not empty'):
        export()
    export('--force')
    assert mine.read_text() == 'mine'
    files = {x.name for x in mine.parent.iterdir()}
    assert files - {'mine.txt'} == {
        'README.md',
        'config.json',
        'model.safetensors',
    }
    assert {x.name for x in tmp_path.iterdir()} == {'a.pth', 'model'}


@pytest.mark.parametrize(
    ('backbone', 'preprocessor', 'message'),
    [
        (SLIM, dict(RGB, to_rgb=False), 'pretrained on images in BGR'),
        (SLIM, dict(RGB, mean=[0.0]), r'mean of the config has 1 numbers'),
        (
            dict(type='ResNetV1d', depth=18),
            RGB,
            r'timm has no such ResNet-18.*--style mmpretrain',
        ),
        (
            dict(type='ResNet_CIFAR', depth=18),
            RGB,
            r'this is not resnet18 of timm',
        ),
        (
            dict(type='ResNet', depth=50, base_channels=16, stem_channels=16),
            RGB,
            r'a stem of 16 channels cannot be made one of 64',
        ),
        (
            dict(type='MobileNetV2', widen_factor=0.1),
            RGB,
            r'timm has no MobileNetV2.*--style mmpretrain',
        ),
    ],
)
def test_what_timm_cannot_compute(
    backbone, preprocessor, message, pretrained, tmp_path
):
    pretrained(preprocessor, **backbone)
    with pytest.raises(ValueError, match=message):
        export()
    assert not (tmp_path / 'model').exists()


def test_other_strides_are_other_features(pretrained, tmp_path):
    pretrained(**SLIM, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))
    with pytest.raises(SystemExit, match='timm computes other features'):
        export()
    assert [x.name for x in tmp_path.iterdir()] == ['a.pth']


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--style', 'timm', '--half'], '--half is for --style timm-hub'),
        (['--style', 'timm-hub'], 'timm-hub writes a folder'),
    ],
)
def test_flags_that_do_not_fit(words, message, capsys):
    with pytest.raises(SystemExit):
        parse('export', ['a.pth', 'b.pth', *words])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['a b'], 'name of the folder becomes that of the model'),
        (['model', '--license', 'My Own'], r'an identifier .* got .My Own'),
    ],
)
def test_names_are_looked_at_first(words, message):
    """Before the checkpoint, which is not there."""
    flags = ['none.pth', *words, '--style', 'timm-hub']
    with pytest.raises(ValueError, match=message):
        command.run(parse('export', flags))


@pytest.mark.parametrize(
    'name', ['timm', 'huggingface_hub', 'safetensors', 'jinja2']
)
def test_packages_are_asked_for_first(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserModuleNotFoundError, match=f'pip install {name}'):
        command.run(parse('export', ['none.pth', *WORDS[1:]]))


def test_inputs_of_small_images():
    steps = [dict(type='MultiView', transforms=[[dict(type='Resize')]])]
    steps[0]['transforms'][0][0].update(
        scale=(32, 32), interpolation='nearest'
    )
    dataset = dict(dataset=dict(type='CIFAR10', pipeline=steps))
    config = dict(train_dataloader=dict(dataset=dataset))
    none = (0.0,) * 3, (round(1 / 255, 10),) * 3
    assert inputs_of(config, 3) == Inputs(*none, 32, 1.0, 'nearest')
    assert inputs_of({}, 3) == Inputs(*none, 224, 0.875, 'bicubic')
    sides = ((32, 32), 16)
    crops = [[dict(type='RandomResizedCrop', scale=x)] for x in sides]
    views = [dict(type='MultiView', num_views=[2, 4], transforms=crops)]
    config = dict(train_dataloader=dict(dataset=dict(pipeline=views)))
    assert inputs_of(config, 3).size == 32
    with pytest.raises(ValueError, match='images in BGR'):
        inputs_of(dict(channel_order='bgr'), 3)  # as an export says it


def test_a_stem_is_never_made_narrower():
    tensors = {'conv1.weight': torch.zeros(128, 3, 7, 7)}
    with pytest.raises(ValueError, match='128 channels does not fit'):
        widened_stem(tensors)
