"""The same features in the other library, or no file."""

from importlib.util import find_spec

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmdcl.cli import export as command
from mmdcl.cli.main import parse


@pytest.fixture
def pretrained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(**backbone):
        init_default_scope('mmpretrain')
        backbone = dict(type='ResNet', depth=18, **backbone)
        model = MODELS.build(backbone)
        for name, tensor in model.state_dict().items():
            if name.endswith('running_mean'):
                tensor.normal_()
        meta = dict(cfg=f'model = dict(backbone={backbone!r})')
        state = {f'backbone.{k}': x for k, x in model.state_dict().items()}
        torch.save(dict(state_dict=state, meta=meta), 'a.pth')

    return write


def export(monkeypatch, *flags):
    command.run(parse('export', ['a.pth', *flags]))


@pytest.mark.parametrize(
    ('style', 'name', 'tensors'),
    [
        ('torchvision', 'b.pth', 120),
        ('timm', 'b.safetensors', 120),
        ('detectron2', 'b.pkl', 100),
    ],
)
def test_features_are_the_same(
    style, name, tensors, pretrained, monkeypatch, capsys
):
    pretrained()
    export(monkeypatch, name, '--style', style)
    text = capsys.readouterr().out
    assert f'{name}: all {tensors} tensors, ' in text
    if find_spec(style):
        assert f'the same features in {style}, to ' in text
    else:
        assert f'{style} is not installed here' in text


def test_a_network_of_another_width_is_not_exported(
    pretrained, monkeypatch, capsys, tmp_path
):
    pretrained(stem_channels=16, base_channels=16)
    export(monkeypatch, 'own.pth', '--style', 'mmpretrain')
    assert 'own.pth: all 120 tensors' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='torchvision has no such network'):
        export(monkeypatch, 'theirs.pth', '--style', 'torchvision')
    assert not tmp_path.joinpath('theirs.pth').exists()


def test_a_network_that_computes_something_else_is_not_exported(
    pretrained, monkeypatch
):
    pretrained(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))
    with pytest.raises(SystemExit, match=r'torchvision.* computes other'):
        export(monkeypatch, 'theirs.pth', '--style', 'torchvision')


def test_the_ema_copy_is_exported_by_its_path(
    pretrained, monkeypatch, tmp_path
):
    pretrained(base_channels=4)
    checkpoint = torch.load('a.pth')
    other = {
        f'module.{name}': tensor + 1
        for name, tensor in checkpoint['state_dict'].items()
    }
    torch.save({**checkpoint, 'ema_state_dict': other}, 'a.pth')
    flags = ['--style', 'mmpretrain']
    for more, wanted in (
        ((), checkpoint['state_dict']),
        (
            ('--prefix', 'ema_state_dict'),
            {k.removeprefix('module.'): x for k, x in other.items()},
        ),
    ):
        export(monkeypatch, 'b.pth', *flags, *more)
        found = torch.load('b.pth')['state_dict']
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], x) for name, x in wanted.items())
