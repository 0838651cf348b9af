"""The loops in a runner: digits, and drawn images of several labels."""

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, init_default_scope
from sklearn.svm import LinearSVC

from mmdcl.engine.features import batch_features
from mmdcl.functional import knn_scores
from mmdcl.protocols.targets import read_targets
from tests.protocols.voc import draw_voc
from tests.runs import PLAIN, loader, runner


def loop_of(folder, kind, **settings):
    """Its test loop; 256 training digits."""
    return runner(
        folder,
        test_dataloader=loader('test', PLAIN),
        test_evaluator=settings.pop('evaluator', []),
        test_cfg=dict(type=f'mmdcl.{kind}TestLoop', **settings),
    ).test_loop


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    """Features and labels of training and of test images, as kNN has them."""
    loop = runner(tmp_path_factory.mktemp('knn')).val_loop
    model = loop.runner.model
    model.eval()
    found = []
    for images in (loop.bank_loader, loop.dataloader):
        batches = [batch_features(model, batch)[:2] for batch in images]
        found += map(torch.cat, zip(*batches, strict=True))
    return found


def test_retrieval_is_kinder_than_one_neighbour(tmp_path, digits):
    metrics = loop_of(tmp_path, 'Retrieval', ks=(1, 5)).runner.test()
    bank, labels, queries, wanted = digits
    found = knn_scores(queries, bank, labels, 10, k=1).argmax(1)
    one = 100 * float((found == wanted).double().mean())
    assert metrics['recall@1'] == pytest.approx(one)
    assert metrics['recall@1'] < metrics['recall@5'] <= 100
    assert 10 < metrics['mAP'] < metrics['recall@1']


def test_retrieval_among_the_test_images(tmp_path):
    metrics = loop_of(tmp_path, 'Retrieval', gallery='test').runner.test()
    assert 20 < metrics['recall@1'] < metrics['recall@10'] < 100


def test_svm_is_scikit_learns(tmp_path, digits):
    metrics = loop_of(tmp_path, 'SVM', costs=[1.0]).runner.test()
    bank, labels, queries, wanted = (x.double().numpy() for x in digits)
    unit = [
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in (bank, queries)
    ]
    guessed = LinearSVC(C=1).fit(unit[0], labels).predict(unit[1])
    assert metrics == {
        'accuracy/top1': pytest.approx(100 * (guessed == wanted).mean())
    }


def test_each_layer_has_a_row(tmp_path):
    loop = loop_of(tmp_path, 'Layers', penalties=[1e-3])
    metrics = loop.runner.test()
    assert list(metrics) == [f'layer{i}/accuracy/top1' for i in range(1, 5)]
    assert all(20 < x <= 100 for x in metrics.values())
    assert loop.widths['output'] == loop.widths['layer4'] == 32


def voc_loop(folder, kind, **settings):
    """On twelve drawn images of two classes to train on, and eight to test."""
    draw_voc(folder / 'VOCdevkit/VOC2007', {'trainval': 12, 'test': 8})

    def images(split):
        dataset = dict(type='mmdcl.VOC', data_root=str(folder), split=split)
        pipeline = [dict(type='LoadImageFromFile'), *PLAIN]
        return {
            **loader('test', PLAIN),
            'dataset': {
                **dataset,
                'pipeline': pipeline,
                'metainfo': dict(classes=('cat', 'dog')),
            },
        }

    return runner(
        folder,
        train_dataloader={**images('trainval'), 'drop_last': False},
        test_dataloader=images('test'),
        test_evaluator=[],
        test_cfg=dict(type=f'mmdcl.{kind}TestLoop', **settings),
    ).test_loop


def test_images_with_several_labels(tmp_path):
    """What is only difficult to see counts neither way."""
    loop = voc_loop(tmp_path, 'SVM', costs=[1.0, 10.0], folds=2)
    targets = read_targets(loop.bank_loader.dataset, 'images')
    assert targets.labels[:4].tolist() == [[1, 0], [0, 1], [1, 1], [-1, 1]]
    metrics = loop.runner.test()
    assert set(metrics) == {'mAP', 'mAP/11points'}
    assert 30 < metrics['mAP'] <= 100


def test_low_shot_repeats_itself(tmp_path):
    found = []
    for name in ('one', 'two'):
        settings = dict(shots=[1, 2], samples=2, costs=[1.0, 10.0])
        torch.manual_seed(0)
        found.append(
            voc_loop(tmp_path / name, 'LowShot', **settings).runner.test()
        )
    assert found[0] == found[1]
    assert set(found[0]) == {
        f'k{k}/{x}' for k in (1, 2) for x in ('mAP', 'std', 'mAP_best_cost')
    }
    for k in (1, 2):
        assert found[0][f'k{k}/mAP'] <= found[0][f'k{k}/mAP_best_cost']


SVM = "3 folds need at least 3 training images of each class, but '7' has 1"
STOPS = {
    'folds': ('SVM', {}, SVM),
    'one image': ('Layers', {}, "needs at least 2 .* but '7' has 1"),
    'k': ('Retrieval', dict(ks=[10**4]), 'recall@10000 needs .* has 256'),
    'gallery': ('Retrieval', dict(gallery='all'), "'train' or 'test', got"),
    'costs': ('SVM', dict(costs=[0]), '`costs` must be a number > 0'),
    'shots': ('LowShot', dict(shots=[64]), r'64 shots .* test_cfg\.shots='),
    'evaluator': (
        'SVM',
        dict(evaluator=dict(type='Accuracy')),
        r'test_evaluator is Accuracy; set test_evaluator=\[\]',
    ),
    'layer': ('Layers', dict(layers=['layer9']), 'no layer layer9; there'),
}


@pytest.mark.parametrize('case', STOPS)
def test_what_stops_a_loop(case, tmp_path, monkeypatch):
    """Before anything is computed; of class 7 there is one image."""
    kind, settings, said = STOPS[case]

    def never(*args):
        raise AssertionError('features were computed')

    def tried():
        loop = loop_of(tmp_path, kind, **settings)
        monkeypatch.setattr(loop, '_features', never)
        if case in ('folds', 'one image'):
            leave_one(loop.bank_loader.dataset, 7)
        loop.runner.test()

    with pytest.raises((TypeError, ValueError), match=said):
        tried()


def leave_one(dataset, label):
    labels = [
        dataset.get_data_info(i)['gt_label'] for i in range(len(dataset))
    ]
    first = labels.index(label)
    kept = [i for i, x in enumerate(labels) if x != label or i == first]
    dataset.get_subset_(kept)


def test_labels_that_do_not_fit_the_protocol(tmp_path):
    for kind in ('Layers', 'Retrieval'):
        loop = voc_loop(tmp_path / kind, kind)
        with pytest.raises(ValueError, match='several; use --protocol svm'):
            loop.runner.test()
    loop = loop_of(tmp_path, 'SVM')
    dataset = loop.dataloader.dataset
    info = dataset.get_data_info
    dataset.get_data_info = lambda i: {
        k: x for k, x in info(i).items() if k != 'gt_label'
    }
    with pytest.raises(ValueError, match='359 of 359 test images have no lab'):
        loop.runner.test()


def test_a_folder_without_voc_is_said(tmp_path):
    init_default_scope('mmpretrain')
    dataset = dict(type='mmdcl.VOC', data_root=str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r'trainval\.txt, nor one in'):
        DATASETS.build(dataset)
