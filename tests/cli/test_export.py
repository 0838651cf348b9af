"""The same features in the other library, or no file."""

from importlib.util import find_spec

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmdcl.checkpoints import read_checkpoint
from mmdcl.checkpoints.export import rename
from mmdcl.cli import export as command
from mmdcl.cli.main import parse
from mmdcl.cli.proof import features
from mmdcl.errors import UserError


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


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A network whose every tensor matters, and a checkpoint of it."""
    monkeypatch.chdir(tmp_path)

    def write(backbone, save=True):
        init_default_scope('mmpretrain')
        network = MODELS.build(dict(backbone))
        for parameter in network.parameters():
            parameter.data.add_(torch.randn_like(parameter) / 5)
        meta = dict(cfg=f'model = dict(backbone={backbone!r})')
        state = {f'backbone.{k}': x for k, x in network.state_dict().items()}
        if save:
            torch.save(dict(state_dict=state, meta=meta), 'a.pth')
        if backbone['type'] == 'TIMMBackbone':
            network = MODELS.build({**backbone, 'type': 'mmdcl.TIMMBackbone'})
            network.load_state_dict(
                {k.removeprefix('backbone.'): x for k, x in state.items()}
            )
        network.eval()  # of upstream's backbones, returns nothing
        return network

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


VIT = dict(
    type='VisionTransformer',
    arch=dict(
        embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48
    ),
    img_size=32,
    patch_size=8,
)
SWIN = dict(
    type='SwinTransformer',
    arch=dict(embed_dims=12, depths=[2, 1, 1, 1], num_heads=[1, 2, 2, 2]),
    img_size=64,
    window_size=2,
)
CONVNEXT = dict(
    type='ConvNeXt', arch=dict(depths=[1, 1, 1, 1], channels=[8, 8, 16, 16])
)
OF_TIMM = dict(
    type='TIMMBackbone',
    model_name='vit_tiny_patch16_224',
    img_size=32,
    **dict(embed_dim=24, depth=2, num_heads=2, patch_size=8),
)


@pytest.mark.parametrize(
    ('backbone', 'said'),
    [
        (dict(VIT, layer_scale_init_value=0.1), 'init_values'),
        (dict(VIT, out_type='featmap'), "global_pool='avg', fc_norm=False"),
        (dict(VIT, type='MoCoV3ViT'), 'patch_size=8'),
        (SWIN, 'depths=(2, 1, 1, 1)'),
        (CONVNEXT, 'dims=(8, 8, 16, 16)'),
        (
            dict(CONVNEXT, use_grn=True, layer_scale_init_value=0.0),
            "'convnextv2_tiny'",
        ),
        (OF_TIMM, 'embed_dim=24'),
    ],
)
def test_transformers_become_timms(backbone, said, written, capsys):
    """As the command says that timm makes it, in all of its features."""
    timm = pytest.importorskip('timm')
    network = written(backbone)
    command.run(parse('export', ['a.pth', 'b.pth', '--style', 'timm']))
    text = capsys.readouterr().out
    assert 'the same features in timm, to ' in text
    assert said in text
    theirs = eval(f'timm.{text.partition("timm.")[2]}', dict(timm=timm))
    theirs.load_state_dict(torch.load('b.pth'))
    images = torch.randn(1, 3, *command._size(network))
    found = features(theirs, images)
    torch.testing.assert_close(features(network, images), found)


@pytest.mark.parametrize(
    ('backbone', 'name'),
    [
        (dict(type='SwinTransformer', arch='tiny'), 'swin_t'),
        (dict(type='ConvNeXt', arch='tiny'), 'convnext_tiny'),
        (dict(VIT, arch='base', patch_size=32), 'vit_b_32'),
    ],
)
def test_those_of_usual_sizes_become_torchvisions(backbone, name, written):
    """By their names and shapes, as their features cost a second each."""
    models = pytest.importorskip('torchvision').models
    tensors = rename(written(backbone, save=False).state_dict(), 'torchvision')
    size = dict(image_size=32) if name.startswith('vit') else {}
    wanted = models.get_model(name, **size).state_dict()
    rest = {x for x in wanted if x.startswith(('head', 'classifier.2'))}
    assert tensors.keys() == wanted.keys() - rest
    assert all(x.shape == wanted[k].shape for k, x in tensors.items())


@pytest.mark.parametrize(
    ('backbone', 'style', 'said'),
    [
        (dict(VIT, out_type='avg_featmap'), 'timm', 'two norms in a row'),
        (VIT, 'torchvision', 'no ViT but B/16.*--style timm or mmpretrain'),
        (SWIN, 'torchvision', 'no Swin but T, S and B with windows of 7'),
        (CONVNEXT, 'detectron2', 'no names of detectron2'),
        (dict(type='RegNet', arch='regnetx_400mf'), 'timm', 'no ResNet-22'),
        (dict(type='MobileNetV3'), 'timm', 'timm has no MobileNetV3'),
    ],
)
def test_what_others_do_not_have_is_said(backbone, style, said, written):
    written(backbone)
    out = 'b.pkl' if style == 'detectron2' else 'b.pth'
    with pytest.raises(UserError, match=said):
        command.run(parse('export', ['a.pth', out, '--style', style]))


def test_half_precision_rounds_matrices_alone(written, capsys):
    written(VIT)
    names = {}
    for out, flags in (('a', []), ('b', ['--half'])):
        words = ['a.pth', f'{out}.safetensors', '--style', 'mmpretrain']
        command.run(parse('export', [*words, *flags]))
        names[out] = read_checkpoint(f'{out}.safetensors')['state_dict']
    assert 'half precision changes features by ' in capsys.readouterr().out
    for name, exact in names['a'].items():
        wanted = exact.half() if exact.ndim > 1 else exact
        assert torch.equal(names['b'][name], wanted)
        assert names['b'][name].dtype == wanted.dtype
