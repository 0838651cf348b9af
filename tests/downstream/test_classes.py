"""The number of classes and their names are those of the data."""

from pathlib import Path

import pytest
from mmengine.config import Config
from PIL import Image

from mmdcl.cli.evaluate import stop_at_unreadable
from mmdcl.configs import config_path
from mmdcl.downstream.classes import fit_classes
from mmdcl.downstream.labels import check_labels


def drawn(root: Path, split: str, names) -> None:
    """Folders of classes, with a file that only looks like an image."""
    for name in names:
        folder = root / split / name
        folder.mkdir(parents=True)
        folder.joinpath('0.JPEG').touch()


@pytest.fixture
def cfg(tmp_path):
    """The linear protocol of ImageNet, in a folder of the user's."""
    cfg = Config.fromfile(config_path('benchmarks/linear_imagenet'))
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].dataset.data_root = str(tmp_path)
    return cfg


@pytest.fixture
def subset(cfg, tmp_path):
    for split in ('train', 'val'):
        drawn(tmp_path, split, ('fox', 'cat', 'dog'))
    return cfg


def test_all_that_depends_on_the_number_follows(subset):
    loss = dict(type='LabelSmoothLoss', label_smooth_val=0.1)
    subset.model.head.loss = dict(loss, num_classes=1000)
    subset.model.data_preprocessor = dict(num_classes=1000)
    subset.test_evaluator = [dict(type='Accuracy', topk=5)]
    dataset = subset.train_dataloader.dataset
    few = dict(type='mmdcl.FewLabels', dataset=dataset)
    subset.train_dataloader.dataset = few
    assert fit_classes(subset) == 3
    head = subset.model.head
    assert head.num_classes == head.loss.num_classes == 3
    assert subset.model.data_preprocessor.num_classes == 3
    assert subset.data_preprocessor.num_classes == 3
    assert subset.val_evaluator.topk == (1,)
    assert subset.test_evaluator[0].topk == 3
    for dataset in (
        subset.train_dataloader.dataset.dataset,
        subset.val_dataloader.dataset,
        subset.test_dataloader.dataset,
    ):
        assert dataset.metainfo.classes == ['cat', 'dog', 'fox']


def test_the_user_is_followed(subset):
    said = dict(classes=['fox', 'dog', 'cat'])
    subset.train_dataloader.dataset.metainfo = said
    subset.model.head.num_classes = 7
    assert fit_classes(subset, {'model.head.num_classes': 7}) == 3
    assert subset.model.head.num_classes == 7  # and refused later
    assert subset.test_dataloader.dataset.metainfo == said
    memory = Config.fromfile(config_path('benchmarks/linear_cifar100'))
    memory.model.head.num_classes = 10
    before = memory.train_dataloader.dataset.to_dict()
    assert fit_classes(memory) == memory.model.head.num_classes == 100
    assert memory.train_dataloader.dataset.to_dict() == before


def test_imagenet_is_left_as_it_is_and_nearly_all_of_it_is_worth_a_word(
    cfg, tmp_path, capsys
):
    wnids = [f'n{i:08}' for i in range(1000)]
    for split in ('train', 'val'):
        drawn(tmp_path, split, wnids)
    before = cfg.to_dict()
    assert fit_classes(cfg) == 1000
    assert cfg.to_dict() == before
    assert 'beware' not in capsys.readouterr().out
    for split in ('train', 'val'):
        folder = tmp_path / split / wnids[500]
        folder.joinpath('0.JPEG').unlink()
        folder.rmdir()
    assert fit_classes(cfg) == cfg.model.head.num_classes == 999
    assert 'beware: ImageNet has 1000 classes' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('train', 'val', 'message'),
    [
        ((), ('cat',), 'train has no folders of classes, and so no labels'),
        (('cat',), ('cat',), 'train has one folder of a class, cat; exp'),
        (('cat', 'dog'), ('cat', 'fox'), 'lacks dog and has fox that '),
        (('cat', 'dog'), ('cat', 'dog', 'fox'), 'has 2 classes and .* 3: '),
    ],
)
def test_what_cannot_be_classified(cfg, tmp_path, train, val, message):
    tmp_path.joinpath('train').mkdir()
    tmp_path.joinpath('train/flat.jpg').touch()
    drawn(tmp_path, 'train', train)
    drawn(tmp_path, 'val', val)
    with pytest.raises(ValueError, match=message):
        fit_classes(cfg)


def test_a_class_without_images_is_named(subset, tmp_path):
    tmp_path.joinpath('val/dog/0.JPEG').rename(tmp_path / 'val/dog/0.txt')
    with pytest.raises(ValueError, match=r'without an image: dog\. Fill'):
        fit_classes(subset)


def test_what_is_learnt_from_and_tested_on_is_told(cfg, tmp_path, capsys):
    for name, number in (('cat', 0), ('dog', 9)):
        for split, more in (('train', 0), ('val', 1)):
            path = tmp_path / split / name / f'{more}.png'
            path.parent.mkdir(parents=True)
            Image.new('RGB', (8, 8), (number, 0, 0)).save(path)
    fit_classes(cfg)
    check_labels(cfg)
    assert 'beware' not in capsys.readouterr().out
    (tmp_path / 'val/cat/2.png').symlink_to(tmp_path / 'train/cat/0.png')
    check_labels(cfg)
    said = capsys.readouterr().out
    assert 'beware: 1 images are learnt from and tested on' in said
    assert 'train/cat/0.png' in said


def test_nothing_stands_in_for_an_image_to_test_on():
    cfg = Config.fromfile(config_path('benchmarks/few-labels_folder'))
    stop_at_unreadable(cfg)
    assert cfg.test_dataloader.dataset.pipeline[0].on_error == 'stop'
    assert 'on_error' not in cfg.train_dataloader.dataset.dataset.pipeline[0]
