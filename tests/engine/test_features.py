"""Features of images, and one broken file among many."""

import cv2
import numpy as np
import pytest
import torch

from mmdcl.datasets import LoadImageFromFile
from mmdcl.engine.features import image_features
from tests.runs import VIEWS, loader, runner


@pytest.fixture
def folder(tmp_path):
    """Two classes of 20 images; the fourth of the first class is no image."""
    for label, name in enumerate(('dark', 'light')):
        tmp_path.joinpath(name).mkdir()
        for i in range(20):
            image = np.full((16, 16, 3), 40 + 160 * label + i, np.uint8)
            cv2.imwrite(str(tmp_path / name / f'{i:02d}.png'), image)
    tmp_path.joinpath('dark', '03.png').write_bytes(b'not an image')
    return tmp_path


def images(folder, load, split='train', views=VIEWS[0]):
    pipeline = [load, views, VIEWS[1]]
    kind = dict(type='CustomDataset', data_root=str(folder))
    return loader(
        split, [], dataset=dict(kind, pipeline=pipeline), batch_size=8
    )


def test_training_skips_it_and_the_bank_leaves_it_out(
    folder, tmp_path, capsys
):
    load = dict(type='mmdcl.LoadImageFromFile')
    resize = dict(type='Resize', scale=(16, 16))
    queries = images(folder / 'dark', load, 'test', resize)
    queries['dataset'] |= dict(
        data_root=str(folder), indices=list(range(4, 40)), test_mode=True
    )
    run = runner(
        tmp_path / 'work',
        train_dataloader=images(folder, load),
        val_dataloader=queries,
        val_cfg=dict(type='mmdcl.KNNValLoop', k=1),
    )
    run.train()
    said = ''.join(capsys.readouterr())
    broken = folder / 'dark' / '03.png'
    assert f'skipped unreadable image {broken}' in said
    assert '1 skipped so far' in said
    assert 'kNN bank: left out 1 images that cannot be read' in said
    assert len(run.val_loop.bank_loader.dataset) == 40
    with pytest.raises(ValueError, match=r'40 neighbours, .* has 39 images'):
        runner(
            tmp_path / 'work',
            train_dataloader=images(folder, load),
            val_dataloader=queries,
            val_cfg=dict(type='mmdcl.KNNValLoop', k=40),
        ).val()


def test_it_is_refused_among_the_images_to_classify(folder, tmp_path):
    load = dict(type='mmdcl.LoadImageFromFile')
    resize = dict(type='Resize', scale=(16, 16))
    queries = images(folder, load, 'test', resize)
    concatenated = dict(type='ConcatDataset', datasets=[queries['dataset']])
    for dataset in (dict(queries['dataset'], test_mode=True), concatenated):
        run = runner(
            tmp_path / 'work',
            train_dataloader=images(folder, load),
            val_dataloader=dict(queries, dataset=dataset),
            val_cfg=dict(
                type='mmdcl.KNNValLoop', bank_dataloader=images(folder, load)
            ),
        )
        run.val_loop.bank_cfg['dataset']['pipeline'][1] = resize
        with pytest.raises(OSError, match=r'1 of the images .*dark/03\.png'):
            run.val()


def test_stop_names_it(folder, tmp_path):
    load = dict(type='mmdcl.LoadImageFromFile', on_error='stop')
    run = runner(
        tmp_path / 'work',
        train_dataloader=images(folder, load),
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
    )
    with pytest.raises(OSError, match=r'cannot read image .*dark/03\.png'):
        run.train()


def test_a_wrong_folder_is_not_an_accident(tmp_path):
    load = LoadImageFromFile()
    for i in range(19):
        assert load(dict(img_path=str(tmp_path / f'{i}.png'))) is None
    assert load.skipped == 19
    with pytest.raises(OSError, match=r'20 images in a row.*folder right'):
        load(dict(img_path=str(tmp_path / '19.png')))
    with pytest.raises(KeyError):
        load({})


def test_on_error_is_checked(folder, tmp_path):
    load = dict(type='mmdcl.LoadImageFromFile', on_error='ignore')
    with pytest.raises(ValueError, match=r'.skip. or .stop., got .ignore'):
        runner(tmp_path / 'w', train_dataloader=images(folder, load)).train()


def test_features_of_images():
    maps, tokens = torch.rand(2, 3, 4, 4), torch.rand(2, 5, 3)
    flat = maps.mean((2, 3))
    assert torch.equal(image_features((None, maps)), flat)
    assert torch.equal(image_features([tokens]), tokens.mean(1))
    assert torch.equal(image_features(flat), flat)
    with pytest.raises(TypeError, match=r'got \(3,\)'):
        image_features(torch.rand(3))
