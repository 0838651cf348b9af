import numpy as np
import pytest
from mmpretrain.registry import DATASETS
from torch.utils.data import Subset

from mmdcl.datasets.few_labels import few_labels
from mmdcl.report.runs.recipe import data

LABELS = np.array([0] * 10 + [1] * 30 + [2] * 20)


def test_same_number_of_each_class_and_the_seed_decides():
    chosen = few_labels(LABELS, seed=0, per_class=4)
    assert np.bincount(LABELS[chosen]).tolist() == [4, 4, 4]
    assert len(set(chosen)) == 12
    assert chosen == few_labels(LABELS, seed=0, per_class=4)
    assert chosen != few_labels(LABELS, seed=1, per_class=4)
    assert set(chosen) < set(few_labels(LABELS, seed=0, per_class=9))
    assert len(few_labels(LABELS, seed=0, fraction=0.25)) == 15


def test_too_few_or_too_many():
    with pytest.raises(ValueError, match=r'is 11 of each; possible are 1 to'):
        few_labels(LABELS, seed=0, per_class=11)
    with pytest.raises(ValueError, match=r'smallest class has \(ant\)'):
        few_labels(LABELS, seed=0, per_class=11, names=('ant', 'bee', 'cow'))
    with pytest.raises(ValueError, match=r'fraction=0.001.*is 0 of each'):
        few_labels(LABELS, seed=0, fraction=0.001)


def test_any_dataset_is_reduced():
    digits = dict(type='mmdcl.Digits', split='train', pipeline=[])
    cfg = dict(type='mmdcl.FewLabels', per_class=5, dataset=digits)
    dataset = DATASETS.build(cfg)
    assert np.bincount(dataset.get_gt_labels()).tolist() == [5] * 10
    twice = dict(type='RepeatDataset', times=2, dataset=digits)
    with pytest.raises(TypeError, match='RepeatDataset'):
        DATASETS.build(dict(cfg, dataset=twice))


@pytest.mark.parametrize('serialize', [False, True])
def test_others_may_be_kept_without_their_labels(serialize):
    digits = dict(
        type='mmdcl.Digits',
        split='train',
        pipeline=[],
        serialize_data=serialize,
    )
    whole = DATASETS.build(digits)
    few = dict(type='mmdcl.FewLabels', per_class=5, dataset=digits)
    dataset = DATASETS.build(dict(few, keep_others=True))
    found, true = (np.array(x.get_gt_labels()) for x in (dataset, whole))
    known = found >= 0
    assert len(found) == len(true)
    assert np.bincount(found[known]).tolist() == [5] * 10
    assert (found[known] == true[known]).all()
    assert (found[~known] == -1).all()
    assert data(dataset).endswith(' of 10 classes, 50 with a label')
    views = Subset(dataset, range(9))  # a wrapper
    assert data(views).endswith(', 50 with a label')
    assert data(whole).endswith(' of 10 classes')
    images = [dataset[i]['img'] for i in np.flatnonzero(known)]
    chosen = DATASETS.build(few)
    assert all(
        (a == b['img']).all() for a, b in zip(images, chosen, strict=True)
    )
