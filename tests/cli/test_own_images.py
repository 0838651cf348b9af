"""Validation where the user's own images have labels, and not elsewhere."""

import pytest
from mmengine.config import Config

from mmdcl import config_path
from mmdcl.cli.own_images import allow_evaluation_images, fit_to_labels

NAME = 'dcl_resnet50_1xb64_images'
KINDS = ('train', 'val', 'test')


def config(root, **train):
    cfg = Config.fromfile(config_path(NAME))
    for kind in KINDS:
        cfg[f'{kind}_dataloader'].dataset.data_root = str(root)
    cfg.train_dataloader.dataset.update(train)
    return cfg


def validates(cfg):
    parts = ('cfg', 'dataloader', 'evaluator')
    found = {cfg[f'{x}_{y}'] is not None for x in KINDS[1:] for y in parts}
    assert len(found) == 1
    return found.pop()


@pytest.fixture
def labelled(tmp_path):
    for name in ('ant', 'bee'):
        tmp_path.joinpath(name).mkdir()
        for i in range(4):
            tmp_path.joinpath(name, f'{i}.jpg').touch()
    return tmp_path


def test_labels_turn_knn_on(labelled):
    for root, kwargs, wanted in (
        (labelled, {}, True),
        (labelled / 'ant', {}, False),
        (labelled, dict(with_label=False), False),
        (labelled, dict(held_out=0), False),
    ):
        cfg = config(root, **kwargs)
        fit_to_labels(cfg)
        assert validates(cfg) == wanted
        assert cfg.train_dataloader is not None


def test_what_is_set_once_holds_for_all(labelled):
    table = labelled / 'images.csv'
    rows = [f'{x}/{i}.jpg,{x}' for x in ('ant', 'bee') for i in range(4)]
    table.write_text('\n'.join(['where,insect', *rows]))
    columns = dict(path_column='where', label_column='insect')
    cfg = config(table, **columns)
    fit_to_labels(cfg)
    assert validates(cfg)
    for kind in KINDS:
        dataset = cfg[f'{kind}_dataloader'].dataset
        assert {key: dataset[key] for key in columns} == columns
    with pytest.raises(ValueError, match='no column called path'):
        fit_to_labels(config(table))


def test_other_images_are_left_alone():
    cfg = Config.fromfile(config_path('dcl_resnet50_8xb32'))
    before = cfg.to_dict()
    fit_to_labels(cfg)
    assert cfg.to_dict() == before


def test_evaluation_images_are_trained_on_when_asked_for(labelled):
    cfg = config(labelled)
    allow_evaluation_images(cfg)
    [check] = [x for x in cfg.custom_hooks if 'DataCheck' in x.type]
    assert check.train_on_evaluation is True
