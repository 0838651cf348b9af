"""Where in a config things are, whatever wraps them."""

import pytest
from mmengine.config import Config

from mmdcl.config_parts import (
    datasets_in,
    named_datasets,
    only_dataset,
    part,
    preprocessor_of,
    short_name,
)

LEAF = dict(type='Leaf', data_root='')
WRAPPED = dict(
    type='Repeat',
    dataset=dict(
        type='Concat', datasets=[LEAF, dict(type='Few', dataset=LEAF), 'x']
    ),
)


def test_the_key_of_a_dataset_sets_it():
    cfg = Config(dict(train_dataloader=dict(dataset=WRAPPED)))
    place = 'train_dataloader.dataset'
    keys = [x for x, _ in named_datasets(part(cfg, *place.split('.')), place)]
    assert len(keys) == 2
    cfg.merge_from_dict({f'{key}.data_root': key for key in keys})
    found = datasets_in(cfg.train_dataloader.dataset)
    assert [dataset.data_root for dataset in found] == keys


@pytest.mark.parametrize(
    ('dataset', 'wanted'),
    [
        (LEAF, LEAF),
        (dict(dataset=LEAF), LEAF),
        (dict(type='Own', dataset='by name'), None),
        (WRAPPED, {}),
        ({}, {}),
        (None, {}),
        ('x', {}),
    ],
)
def test_one_dataset_or_none(dataset, wanted):
    cfg = Config(dict(val_dataloader=dict(dataset=dataset)))
    wanted = dataset if wanted is None else wanted
    assert only_dataset(cfg, 'val_dataloader') == wanted
    assert only_dataset(cfg, 'test_dataloader') == {}
    assert list(datasets_in({})) == list(datasets_in(None)) == []


def test_the_preprocessor_of_the_model_counts():
    one, other = dict(mean=[1]), dict(mean=[2])
    cfg = dict(model=dict(data_preprocessor=one), data_preprocessor=other)
    assert preprocessor_of(cfg) == one
    assert preprocessor_of({**cfg, 'model': {}}) == other
    assert preprocessor_of({}) == preprocessor_of(dict(model='x')) == {}


def test_names_without_their_scope():
    assert short_name('mmdcl.DCLHead') == short_name('DCLHead') == 'DCLHead'
    assert short_name(Config) == 'Config'
    assert short_name(None) == ''
