import os

import pytest
import torch
from mmpretrain.evaluation import Accuracy

from mmdcl.engine import bank as bank_room
from mmdcl.engine.features import batch_features
from mmdcl.functional import knn_scores
from tests.ranks import on_ranks
from tests.runs import (
    BACKBONE,
    NECK,
    PLAIN,
    SIMCLR,
    VIEWS,
    loader,
    runner,
)

CROSS_ENTROPY = dict(
    type='ContrastiveHead', loss=dict(type='CrossEntropyLoss')
)
MODELS = {
    'ours': SIMCLR,
    'SimCLR': dict(
        type='SimCLR', backbone=BACKBONE, neck=NECK, head=CROSS_ENTROPY
    ),
    'MoCo': dict(
        type='MoCo',
        queue_len=64,
        feat_dim=8,
        backbone=BACKBONE,
        neck=dict(type='LinearNeck', in_channels=32, out_channels=8),
        head=CROSS_ENTROPY,
    ),
    'classifier': dict(
        type='ImageClassifier',
        backbone=BACKBONE,
        head=dict(type='LinearClsHead', num_classes=10, in_channels=32),
    ),
}


def by_hand(run, k):
    """Accuracy from features extracted and searched in the plainest way."""
    model = run.model.eval()
    found = []
    for split in ('train', 'test'):
        features, labels = [], []
        for batch in run.build_dataloader(loader(split, PLAIN)).dataset:
            image = batch['inputs'][None].float()
            if split == 'train' and batch['data_samples'].sample_idx > 255:
                break
            with torch.no_grad():
                features.append(model.backbone(image)[-1].mean((2, 3)))
            labels.append(batch['data_samples'].gt_label)
        found += [torch.cat(features), torch.cat(labels)]
    bank, bank_labels, queries, labels = found
    scores = knn_scores(queries, bank, bank_labels, 10, k)
    return Accuracy.calculate(scores, labels)[0][0].item()


@pytest.mark.parametrize('model', MODELS)
def test_any_upstream_algorithm(model, tmp_path):
    metrics = runner(tmp_path, model=MODELS[model]).val()
    assert set(metrics) == {'accuracy/top1'}
    assert metrics['accuracy/top1'] > 20


def test_equals_search_by_hand_for_each_k(tmp_path):
    run = runner(tmp_path, val_cfg=dict(type='mmdcl.KNNValLoop', k=(1, 5, 40)))
    metrics = run.val()
    assert metrics == {
        f'k{k}/accuracy/top1': pytest.approx(by_hand(run, k))
        for k in (1, 5, 40)
    }


def evaluate(rank, folder):
    os.environ['LOCAL_RANK'] = str(rank or 0)
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None)
    run = runner(
        folder,
        launcher='pytorch' if rank is not None else 'none',
        model_wrapper_cfg=wrapper if rank is not None else None,
    )
    found = [run.val()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bank_room, 'batch_features', collapsed)
        return [*found, run.val()]


def collapsed(*args):
    features, labels, places = batch_features(*args)
    return torch.ones_like(features), labels, places


def test_ranks_equal_one_process(tmp_path):
    """359 images to classify: unequal shares. With all cosines equal, too."""
    (one,) = [evaluate(None, tmp_path)]
    assert on_ranks(2, evaluate, tmp_path) == [one, one]


def test_features_that_are_not_finite(tmp_path, monkeypatch):
    """Left out of the bank, with a word; refused among the queries."""

    def spoilt(*args):
        features, labels, places = batch_features(*args)
        for row, place in zip(features, places, strict=True):
            if place in (3, 300):  # the bank holds 256
                row[0] = torch.nan
        return features, labels, places

    monkeypatch.setattr(bank_room, 'batch_features', spoilt)
    run = runner(tmp_path)
    said = []
    monkeypatch.setattr(run.logger, 'warning', said.append)
    bank, _, numbers = run.val_loop.bank_features()
    assert bank.isfinite().all()
    assert numbers.tolist() == [*range(3), *range(4, 256)]
    assert said == [
        'kNN bank: left out 1 images whose features are NaN or infinite, the '
        'first is number 3'
    ]
    with pytest.raises(OSError, match=r'features of 2 of .* number 3\b'):
        run.val()


def test_save_best_and_test_loop(tmp_path):
    run = runner(
        tmp_path,
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', save_best='auto')
        ),
        test_dataloader=loader('test', PLAIN),
        test_cfg=dict(type='mmdcl.KNNTestLoop', k=5),
        test_evaluator=dict(type='Accuracy'),
    )
    run.train()
    assert tmp_path.joinpath('best_accuracy_top1_epoch_1.pth').is_file()
    trained = run.val_loop.run()
    assert run.test() == trained


@pytest.mark.parametrize('wrapper', ['RepeatDataset', 'ConcatDataset'])
def test_the_bank_holds_each_training_image_once(wrapper, tmp_path):
    train = loader('train', VIEWS, num_batch_per_epoch=2)
    inner = dict(train['dataset'], indices=100)
    train['dataset'] = {
        'RepeatDataset': dict(type=wrapper, times=3, dataset=inner),
        'ConcatDataset': dict(
            type=wrapper, datasets=[inner, dict(inner, split='test')]
        ),
    }[wrapper]
    run = runner(tmp_path, train_dataloader=train)
    bank, labels, numbers = run.val_loop.bank_features()
    expected = 100 if wrapper == 'RepeatDataset' else 200
    assert len(bank) == len(labels) == expected
    assert numbers.tolist() == list(range(expected))


@pytest.mark.parametrize('keep_others', [False, True])
def test_images_without_a_label_are_not_in_the_bank(keep_others, tmp_path):
    """Nor are labels that the training images were not to have."""
    train = loader('train', VIEWS, num_batch_per_epoch=2)
    train['dataset'] = dict(
        type='mmdcl.FewLabels',
        per_class=2,
        keep_others=keep_others,
        dataset=dict(train['dataset'], indices=100),
    )
    run = runner(tmp_path, train_dataloader=train)
    bank, labels, _ = run.val_loop.bank_features()
    assert len(run.val_loop.bank_loader.dataset) == (
        100 if keep_others else 20
    )
    assert len(bank) == 20
    assert labels.bincount().tolist() == [2] * 10


def test_errors_say_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r'`k` must be'):
        runner(tmp_path, val_cfg=dict(type='mmdcl.KNNValLoop', k=0)).val()
    too_many = dict(type='mmdcl.KNNValLoop', k=300)
    with pytest.raises(
        ValueError, match=r'asks for 300 neighbours, but the bank has 256'
    ):
        runner(tmp_path, val_cfg=too_many).val()
    views = loader('test', VIEWS)
    with pytest.raises(ValueError, match=r'one view an image, got 2'):
        runner(tmp_path, val_dataloader=views).val()
    with pytest.raises(ValueError, match=r'Give `bank_dataloader`'):
        runner(
            tmp_path, train_dataloader=None, train_cfg=None, optim_wrapper=None
        ).val()
