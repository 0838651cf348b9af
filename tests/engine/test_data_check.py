"""Data that would train without an error, and be wrong."""

import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpretrain.datasets import CIFAR10, CustomDataset
from mmpretrain.models.utils.data_preprocessor import SelfSupDataPreprocessor
from mmpretrain.registry import TRANSFORMS

from mmdcl.datasets import CustomDataset as OurDataset
from mmdcl.engine.channel_check import channel_order, check_channels
from mmdcl.engine.class_check import check_classes
from mmdcl.engine.data_check import check_suffixes
from tests.runs import PLAIN, SIMCLR, VIEWS, loader, runner

LOAD = dict(type='mmdcl.LoadImageFromFile')
RGB = dict(type='mmdcl.ChannelOrder', order='rgb')
IMAGENET = [123.675, 116.28, 103.53]


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def said(monkeypatch):
    lines = []
    for module in ('channel_check', 'class_check', 'data_check'):
        monkeypatch.setattr(
            f'mmdcl.engine.{module}.print_log',
            lambda text, *args: lines.append(text),
        )
    return lines


def folders(root, *classes, images=4):
    for number, name in enumerate(classes):
        root.joinpath(name).mkdir(parents=True)
        for i in range(images):
            image = np.full((16, 16, 3), (9, 60 * number, 10 * i), np.uint8)
            cv2.imwrite(str(root / name / f'{i}.png'), image)
    return root


def dataset(root, *pipeline, **kwargs):
    return CustomDataset(data_root=str(root), pipeline=pipeline, **kwargs)


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        (('ant', 'cow'), 'val lacks bee'),
        (
            ('ant', 'bees', 'cow'),
            'val lacks bee, and has bees that train lacks',
        ),
        (
            ('aardvark', 'ant', 'bee', 'cow'),
            'val has aardvark that train lacks',
        ),
        (('ant', 'bee', 'cow', 'dog'), 'val has dog that train lacks'),
        (('x', 'y', 'z'), 'val lacks ant, bee, cow, and has x, y, z that'),
    ],
)
def test_shifted_labels_are_refused(classes, message, tmp_path):
    train = dataset(folders(tmp_path / 'train', 'ant', 'bee', 'cow'))
    val = dataset(folders(tmp_path / 'val', *classes))
    with pytest.raises(ValueError, match=message):
        check_classes(dict(train=train, val=val))
    both = SimpleNamespace(datasets=[train, SimpleNamespace(dataset=val)])
    with pytest.raises(ValueError, match=message):
        check_classes(dict(train=train, val=both))


def test_labels_that_agree_are_not(tmp_path, said):
    names = ('ant', 'bee', 'cow')
    train = dataset(folders(tmp_path / 'train', *names))
    same = dataset(folders(tmp_path / 'val', *names))
    unlabelled = dataset(
        folders(tmp_path / 'more', 'x', 'y'), with_label=False
    )
    listed = tmp_path / 'list.txt'
    listed.write_text('ant/0.png 0\n')
    other_names = dataset(
        tmp_path / 'train',
        ann_file=str(listed),
        metainfo=dict(classes=('Ameise', 'Biene', 'Kuh')),
    )
    others = dict(a=unlabelled, b=other_names, c=object())
    check_classes(dict(train=train, val=same, **others))
    check_classes(dict(train=other_names, val=in_memory()))
    assert not said
    first_two = dataset(folders(tmp_path / 'part', 'ant', 'bee'))
    check_classes(dict(train=train, val=first_two))
    [line] = said
    assert 'val lacks cow, of 3 classes of train; labels agree' in line


def test_names_in_another_order_are_refused(tmp_path):
    train = dataset(folders(tmp_path / 'train', 'ant', 'bee'))
    listed = tmp_path / 'list.txt'
    listed.write_text('ant/0.png 1\n')
    val = dataset(
        tmp_path / 'train',
        ann_file=str(listed),
        metainfo=dict(classes=('bee', 'ant')),
    )
    with pytest.raises(ValueError, match='has the same in another order'):
        check_classes(dict(train=train, val=val))


def run(work_dir, train, val, with_label=True, **overrides):
    views = [LOAD, *VIEWS]
    plain = [LOAD, *PLAIN]
    loaders = [
        loader(
            split,
            [],
            batch_size=4,
            dataset=dict(
                type='CustomDataset', data_root=str(root), pipeline=pipeline
            ),
        )
        for split, root, pipeline in (
            ('train', train, views),
            ('test', val, plain),
        )
    ]
    loaders[0]['dataset']['with_label'] = with_label
    cfg = dict(train_dataloader=loaders[0], val_dataloader=loaders[1])
    cfg['custom_hooks'] = [dict(type='mmdcl.DataCheckHook')]
    return runner(work_dir, **{**cfg, **overrides})


def test_before_the_first_step_and_before_the_bank(tmp_path):
    train = folders(tmp_path / 'train', 'ant', 'bee', 'cow')
    val = folders(tmp_path / 'val', 'ant', 'cow')
    for work, hooks in (('a', None), ('b', [])):
        stopped = run(
            tmp_path / work,
            train,
            val,
            **({} if hooks is None else dict(custom_hooks=hooks)),
        )
        start = stopped.train if hooks is None else stopped.val
        with pytest.raises(
            ValueError, match=r'(val_dataloader|queries) lacks bee'
        ):
            start()
        assert stopped.iter == 0
    val.joinpath('bee').mkdir()
    fine = run(tmp_path / 'c', train, val)
    fine.train()
    assert fine.iter == 3


def test_labels_of_training_do_not_matter_beside_a_bank(tmp_path):
    """Folders that are no classes, and a bank with classes of its own."""
    train = folders(tmp_path / 'train', 'part1', 'part2')
    val = folders(tmp_path / 'val', 'ant', 'bee')
    with pytest.raises(ValueError, match='val_dataloader lacks part1, part2'):
        run(tmp_path / 'a', train, val).train()
    plain = [LOAD, *PLAIN]
    bank = dict(type='CustomDataset', data_root=str(val), pipeline=plain)
    val_cfg = dict(
        type='mmdcl.KNNValLoop',
        k=1,
        bank_dataloader=loader('train', [], batch_size=4, dataset=bank),
    )
    run(tmp_path / 'b', train, val, val_cfg=val_cfg).train()


def test_a_bank_without_labels_is_refused_at_once(tmp_path):
    train = folders(tmp_path / 'train', 'part1', 'part2')
    val = folders(tmp_path / 'val', 'ant', 'bee')
    stopped = run(tmp_path / 'work', train, val, with_label=False)
    with pytest.raises(ValueError, match=r'bank from train_dataloader.*False'):
        stopped.train()
    assert stopped.iter == 0


def test_a_classifier_is_stopped_before_it_trains_for_another_test(tmp_path):
    train = folders(tmp_path / 'train', 'ant', 'bee', 'cow')
    test = folders(tmp_path / 'test', 'ant', 'cow')
    classifier = dict(
        type='ImageClassifier',
        backbone=SIMCLR['backbone'],
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=3, in_channels=32),
    )
    data = dict(type='CustomDataset', data_root=str(test))
    data['pipeline'] = [LOAD, *PLAIN]
    cfg = dict(
        model=classifier,
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
        test_cfg=dict(),
        test_evaluator=dict(type='Accuracy'),
        test_dataloader=loader('test', [], dataset=data),
    )
    stopped = run(tmp_path / 'work', train, test, **cfg)
    with pytest.raises(ValueError, match='test_dataloader lacks bee'):
        stopped.train()
    assert stopped.iter == 0


def test_images_that_upstream_passes_over(tmp_path, said):
    root = folders(tmp_path, 'ant', 'bee')
    check_suffixes('train_dataloader', dataset(root))
    assert not said
    for name in ('1.webp', '2.WEBP', '3.tiff', 'notes.txt'):
        root.joinpath('ant', name).touch()
    check_suffixes('train_dataloader', SimpleNamespace(dataset=dataset(root)))
    [line] = said
    assert f'1 .tiff, 2 .webp in {root}/ant are passed over' in line
    ours = OurDataset(data_root=str(root))
    check_suffixes('train_dataloader', ours)
    assert len(said) == 1


def preprocessor(**kwargs):
    std = [58.395, 57.12, 57.375]
    found = SelfSupDataPreprocessor(**{'mean': IMAGENET, 'std': std, **kwargs})
    return torch.nn.ModuleDict(dict(data_preprocessor=found))


class Unknown:
    """Of a user, who may turn channels around."""

    def __call__(self, results):
        return results


def in_memory(*pipeline):
    cifar = CIFAR10.__new__(CIFAR10)
    cifar.pipeline = Compose([TRANSFORMS.build(x) for x in pipeline])
    return cifar


def test_order_of_channels(tmp_path):
    root = folders(tmp_path, 'ant')
    views = VIEWS[0]
    for order, found in (
        ('bgr', dataset(root, LOAD, views)),
        ('bgr', dataset(root, dict(type='LoadImageFromFile'))),
        ('rgb', dataset(root, LOAD, RGB, views)),
        ('rgb', in_memory()),
        ('rgb', in_memory(views)),
        ('rgb', in_memory(RGB, views)),
        (None, dataset(root)),
        (None, dataset(root, LOAD, Unknown())),
        (None, dataset(root, LOAD, dict(type='Normalize', mean=0, std=1))),
        (None, dataset(root, dict(LOAD, color_type='unchanged'))),
        (None, object()),
    ):
        assert channel_order(found) == order


@pytest.mark.parametrize(
    ('pipeline', 'images', 'wrong'),
    [
        ([LOAD], dict(to_rgb=False), 'images are BGR .* leaves them, .*True'),
        ([LOAD, RGB], dict(to_rgb=True), 'images are RGB .* turns .*False'),
        ([LOAD], dict(to_rgb=True), None),
        ([LOAD, RGB], dict(to_rgb=False), None),
        ([LOAD], dict(mean=IMAGENET[::-1]), None),
        ([LOAD], dict(mean=[127.5] * 3), None),
        ([LOAD], dict(mean=[140.0, 120.0, 100.0]), None),
        ([LOAD, Unknown()], dict(to_rgb=False), None),
    ],
)
def test_bgr_under_the_mean_of_rgb(pipeline, images, wrong, tmp_path, said):
    found = dataset(folders(tmp_path, 'ant'), *pipeline)
    check_channels(preprocessor(**images), dict(train_dataloader=found))
    assert len(said) == bool(wrong)
    if wrong:
        assert re.search(f'train_dataloader: {wrong}', said[0])


def test_two_orders_are_refused(tmp_path):
    val = dataset(folders(tmp_path, 'ant'), LOAD)
    with pytest.raises(ValueError, match='train in RGB, val in BGR'):
        check_channels(preprocessor(), dict(train=in_memory(), val=val))
