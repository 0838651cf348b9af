"""Protocols that train nothing, and features to a file, as documented."""

import json

import numpy as np
import pytest

import mmdcl
from tests.commands import drawn
from tests.commands.conftest import WORK_DIR
from tests.commands.documented import block, typed
from tests.protocols.voc import draw_voc

CHECKPOINT = {'$C': f'{WORK_DIR}/epoch_1.pth'}
SMALL = ['train_dataloader.num_workers=0', 'test_dataloader.num_workers=0']
CATS = ['train_dataloader.dataset', 'test_dataloader.dataset']
CATS = [f'{x}.metainfo.classes=(cat,dog)' for x in CATS]


@pytest.fixture(scope='module')
def photos(place, trained):
    drawn.classes(place / 'zoo/train', ('cat', 'dog'), 6, 48, '.jpg')
    drawn.classes(place / 'zoo/val', ('cat', 'dog'), 4, 48, '.png', 1)
    return place


def added(place):
    """The row that the last evaluation added."""
    book = place / 'work_dirs/evaluate.jsonl'
    return json.loads(book.read_text().splitlines()[-1])


def test_retrieval(photos):
    instead = {**CHECKPOINT, 'FOLDER': 'zoo'}
    options = ['--cfg-options', *SMALL, 'test_cfg.ks=[1,5]']
    typed('--protocol retrieval', photos, *options, instead=instead)
    row = added(photos)
    assert set(row['metrics']) == {'mAP', 'recall@1', 'recall@5'}
    assert row['metrics']['recall@1'] > 70  # hues tell; chance is 50
    assert (row['classes'], row['protocol']) == (2, 'retrieval')
    assert row['ks'] == [1, 5]


def test_svm_on_voc(photos):
    draw_voc(photos / 'voc/VOCdevkit/VOC2007', {'trainval': 12, 'test': 8})
    options = ['--data-root', 'voc', '--cfg-options', *SMALL, *CATS]
    options += ['test_cfg.costs=[1,10]']
    said = typed('--dataset voc07', photos, *options, instead=CHECKPOINT)
    assert "'cat', cost" in said
    row = added(photos)
    assert set(row['metrics']) == {'mAP', 'mAP/11points'}
    assert row['metrics']['mAP'] > 50


def test_features_of_a_folder(photos, monkeypatch):
    instead = {**CHECKPOINT, 'FOLDER': 'zoo/val'}
    said = typed('mmdcl features', photos, instead=instead)
    assert '8 images, 64 numbers each, 2 classes' in said
    monkeypatch.chdir(photos)
    names: dict = {}
    exec(block('mmdcl.load_features'), names)
    found = names['found']
    assert found.names == [
        f'{kind}/{i}.png' for kind in ('cat', 'dog') for i in range(4)
    ]
    assert found.labels.tolist() == [0] * 4 + [1] * 4
    assert np.array_equal(names['vectors'], found.features)
    assert type(found) is type(mmdcl.load_features('features.safetensors'))
