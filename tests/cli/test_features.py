"""``mmdcl features``, without a process of its own."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmdcl import load_features
from mmdcl.cli import features
from mmdcl.cli.features import (
    folder_classes,
    image_extensions,
    image_pipeline,
)
from mmdcl.cli.main import parse
from mmdcl.configs import config_path
from mmdcl.report.images.network import open_network
from tests.report.checkpoints import checkpoint
from tests.runs import PLAIN, loader


@pytest.fixture(scope='module')
def network(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp('network'))


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """Two folders of images, one of them broken."""
    folder = tmp_path_factory.mktemp('images')
    generator = np.random.default_rng(0)
    for name in ('b/2', 'a/10', 'a/9', 'b/1'):
        path = folder / f'{name}.png'
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), generator.integers(0, 256, (20, 24, 3)))
    folder.joinpath('a/broken.png').write_bytes(b'no image')
    return folder


def run(network, images, out, *flags):
    words = [network, images, '--out', out, '--workers', 0, *flags]
    features.run(parse('features', list(map(str, words))))
    return load_features(out)


def by_hand(network, images, names, layer=None):
    """One image at a time, through the model itself."""
    model = open_network(network).model
    found = []
    for name in names:
        image = cv2.resize(cv2.imread(str(images / name)), (16, 16))
        batch = torch.from_numpy(image).permute(2, 0, 1)[None]
        batch = dict(inputs=batch, data_samples=None)
        inputs = model.data_preprocessor(batch, False)['inputs']
        with torch.no_grad():
            if layer:
                maps = model.backbone.conv1(inputs)
                maps = model.backbone.relu(model.backbone.norm1(maps))
                maps = model.backbone.layer1(maps)
            else:
                (maps,) = model.extract_feat(inputs)
        found.append(maps.mean((2, 3))[0].numpy())
    return np.stack(found)


def near(found, wanted):
    return np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()


def test_names_and_features_of_a_folder(network, images, tmp_path, capsys):
    """Sorted; bit for bit one at a time, to 1e-5 together."""
    one = run(network, images, tmp_path / 'one.npz', '--batch-size', 1)
    said = capsys.readouterr()
    assert '4 images, 32 numbers each, 2 classes' in said.out
    assert 'left out 1 images that cannot be read' in said.err
    assert one.names == ['a/10.png', 'a/9.png', 'b/1.png', 'b/2.png']
    assert (one.labels.tolist(), one.classes) == ([0, 0, 1, 1], ['a', 'b'])
    wanted = by_hand(network, images, one.names)
    assert np.array_equal(one.features, wanted)
    many = run(network, images, tmp_path / 'many.safetensors')
    assert many[0] == one[0]
    assert near(many.features, wanted)
    assert many.about == one.about
    assert many.about['layer'] == 'output'
    first = run(network, images, tmp_path / 'l.npz', '--layer', 'layer1')
    wanted = by_hand(network, images, one.names, 'layer1')
    assert near(first.features, wanted)


def test_what_stops_it(network, images, tmp_path, capsys):
    for flags, said in (
        (['--out', 'f.pth'], 'f.pth: features are kept in .safetensors or'),
        (['--batch-size', '0'], '--batch-size is at least 1, got 0'),
    ):
        with pytest.raises(SystemExit):
            parse('features', [str(network), str(images), *flags])
        assert said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse('features', [str(network), 'nowhere'])
    assert 'there is no folder nowhere' in capsys.readouterr().err
    out = tmp_path / 'f.npz'
    with pytest.raises(ValueError, match=r'no layer layer9; there are layer1'):
        run(network, images, out, '--layer', 'layer9')
    broken = tmp_path / 'broken'
    broken.mkdir()
    broken.joinpath('a.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match='none of the 1 images in'):
        run(network, broken, out)
    broken.joinpath('a.png').unlink()
    with pytest.raises(FileNotFoundError, match='no image in'):
        run(network, broken, out)
    assert not out.exists()


def test_classes_are_folders_of_one_level():
    labels, classes = folder_classes(['a/1.png', 'b/1.png', 'b/2.png'])
    assert (labels.tolist(), classes) == ([0, 1, 1], ['a', 'b'])
    _, classes = folder_classes([f'{x}/1' for x in 'gecadbf'])
    assert classes == list('abcdefg')
    for names in (['1.png', 'b/1.png'], ['a/1.png'], ['a/x/1', 'b/x/1']):
        assert folder_classes(names) == (None, None)


def test_files_are_those_of_the_config():
    name = 'dcl_resnet50_1xb64_multichannel'
    found = image_extensions(Config.fromfile(config_path(name)))
    assert '.npy' in found['extensions']
    usual = Config(dict(val_dataloader=loader('test', PLAIN)))
    assert image_extensions(usual) == {}


def test_the_pipeline_is_that_of_the_config():
    load = dict(type='LoadImageFromFile')
    cfg = Config(dict(val_dataloader=loader('test', [load, *PLAIN])))
    assert image_pipeline(cfg) == [load, *PLAIN]
    cfg = Config(dict(val_dataloader=loader('test', PLAIN)))
    ours = dict(type='mmdcl.LoadImageFromFile')
    assert image_pipeline(cfg) == [ours, *PLAIN]  # of images in memory
    resized = image_pipeline(cfg, 224)
    assert [step['type'] for step in resized[1:]] == [
        'ResizeEdge',
        'CenterCrop',
        'PackInputs',
    ]
    assert (resized[1]['scale'], resized[2]['crop_size']) == (256, 224)
    with pytest.raises(ValueError, match='give their size by --image-size'):
        image_pipeline(Config(dict(model=dict())))
