import pickle

import cv2
import numpy as np
import pytest
from mmpretrain.datasets.categories import (
    CIFAR10_CATEGORIES,
    CIFAR100_CATEGORIES,
)
from torchvision import datasets

from mmdcl.datasets import CIFAR10, CIFAR100

PER_CLASS = 5


@pytest.fixture
def pictures():
    generator = np.random.default_rng(0)
    shape = (10, PER_CLASS, 32, 32, 3)
    return generator.integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def folders(pictures, tmp_path):
    for split in ('train', 'test'):
        for name, images in zip(CIFAR10_CATEGORIES, pictures, strict=True):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for i, image in enumerate(images):
                cv2.imwrite(str(folder / f'{i}.png'), image[..., ::-1])
    return tmp_path


@pytest.fixture
def archive(pictures, tmp_path, monkeypatch):
    """The official layout; sums of the official files cannot match."""
    monkeypatch.setattr(CIFAR10, '_check_integrity', lambda self: True)
    folder = tmp_path / 'cifar-10-batches-py'
    folder.mkdir()
    flat = pictures.transpose(0, 1, 4, 2, 3).reshape(10 * PER_CLASS, -1)
    labels = np.repeat(np.arange(10), PER_CLASS)
    names = [f'data_batch_{i}' for i in range(1, 6)]
    for i, name in enumerate(names):
        batch = dict(data=flat[i::5], labels=labels[i::5].tolist())
        folder.joinpath(name).write_bytes(pickle.dumps(batch))
    batch = dict(data=flat, labels=labels.tolist())
    folder.joinpath('test_batch').write_bytes(pickle.dumps(batch))
    return tmp_path


def read(root, **kwargs):
    dataset = CIFAR10(data_root=str(root), **kwargs)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return (
        np.stack([info['img'] for info in infos]),
        [info['gt_label'] for info in infos],
    )


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('layout', ['folders', 'archive'])
def test_both_layouts_hold_the_same_rgb_images(
    layout, split, pictures, request
):
    root = request.getfixturevalue(layout)
    images, labels = read(root, split=split)
    assert labels == np.repeat(np.arange(10), PER_CLASS).tolist()
    assert (images == pictures.reshape(-1, 32, 32, 3)).all()


def test_parts_are_disjoint_balanced_and_complete(folders):
    whole, _ = read(folders)
    parts = [read(folders, part=(i, 5)) for i in range(5)]
    for _, labels in parts:
        assert labels == list(range(10))
    everything = np.concatenate([images for images, _ in parts])
    assert len(np.unique(everything, axis=0)) == len(whole)
    with pytest.raises(ValueError, match=r'got \(5, 5\)'):
        read(folders, part=(5, 5))


def test_missing_data_name_path_layouts_and_option(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise OSError('no network')

    monkeypatch.setattr(
        'mmpretrain.datasets.cifar.download_and_extract_archive', offline
    )
    for download in (False, True):
        with pytest.raises(FileNotFoundError) as error:
            read(tmp_path, download=download)
        said = str(error.value)
        for word in ('data_batch_1', 'train/<class>', '--data-root'):
            assert word in said
        assert f'no CIFAR-10 in {tmp_path}' in said
        assert ('no network' in said) == download


def test_a_missing_class_or_broken_image_is_named(folders):
    next(folders.glob('train/ship/*')).write_bytes(b'broken')
    with pytest.raises(ValueError, match=r'ship/\d\.png is not a 32 x 32'):
        read(folders)
    for path in folders.glob('train/ship/*'):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="no image of class 'ship'"):
        read(folders)


@pytest.mark.parametrize('split', ['train', 'test'])
def test_cifar100_is_what_torchvision_reads(split, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.cifar, 'check_integrity', lambda *_: True)
    monkeypatch.setattr(CIFAR100, '_check_integrity', lambda self: True)
    generator = np.random.default_rng(0)
    labels = generator.permutation(100).tolist()
    for seed, name in enumerate(('train', 'test')):
        data = np.random.default_rng(seed).integers(0, 256, (100, 3072))
        batch = dict(data=data.astype(np.uint8), fine_labels=labels)
        path = tmp_path / 'archive/cifar-100-python' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(batch))
    names = dict(fine_label_names=list(CIFAR100_CATEGORIES))
    path.with_name('meta').write_bytes(pickle.dumps(names))
    theirs = datasets.CIFAR100(tmp_path / 'archive', split == 'train')
    for image, label in theirs:
        folder = tmp_path / 'folders' / split / theirs.classes[label]
        folder.mkdir(parents=True)
        image.save(folder / '0.png')
    for layout in ('archive', 'folders'):
        dataset = CIFAR100(str(tmp_path / layout), split)
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        assert [info['gt_label'] for info in infos] == list(range(100))
        for info in infos:
            image, label = theirs[labels.index(info['gt_label'])]
            assert (info['img'] == np.asarray(image)).all()
            assert dataset.CLASSES[label] == theirs.classes[label]
    with pytest.raises(FileNotFoundError) as error:
        CIFAR100(str(tmp_path))
    said = str(error.value)
    assert 'no CIFAR-100 in' in said
    assert 'cifar-100-python/train and test\n' in said
