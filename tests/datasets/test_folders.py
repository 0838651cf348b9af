"""Folders of images as people have them."""

import os

import pytest
from mmpretrain.datasets import CustomDataset as UpstreamCustomDataset

from mmdcl.cli.ending import ends_in_a_sentence
from mmdcl.datasets import CustomDataset, ImageNet
from mmdcl.datasets.folders import find_images


@pytest.fixture
def root(tmp_path):
    """Three classes; the listing looks at names only."""
    root = tmp_path / 'data'
    for path in (
        'ant/2.jpg',
        'ant/10.JPEG',
        'ant/more/1.png',
        'bee/1.PNG',
        'cow/1.bmp',
    ):
        root.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        root.joinpath(path).touch()
    return root


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mmdcl.datasets.folders.print_log',
        lambda text, *args: lines.append(text),
    )
    return lines


def labels(dataset):
    return {
        os.path.relpath(info['img_path'], dataset.data_root): info['gt_label']
        for info in map(dataset.get_data_info, range(len(dataset)))
    }


@pytest.mark.parametrize('with_label', [True, False])
def test_order_and_labels_are_upstreams(root, with_label, said):
    found = [
        kind(data_root=str(root), with_label=with_label)
        for kind in (UpstreamCustomDataset, CustomDataset)
    ]
    upstream, ours = (
        [dataset.get_data_info(i) for i in range(len(dataset))]
        for dataset in found
    )
    assert len(ours) == 5
    assert ours == upstream
    assert found[0].metainfo == found[1].metainfo
    assert not said


def test_webp_and_tiff_are_images(root):
    for name in ('3.webp', '4.TIFF', '5.tif'):
        root.joinpath('bee', name).touch()
    assert len(CustomDataset(data_root=str(root))) == 8


def test_what_is_passed_over_is_counted(root, said):
    root.joinpath('ant/loop').symlink_to(root)
    root.joinpath('ant/itself').symlink_to('itself')
    root.joinpath('bee/gone.jpg').symlink_to('nowhere.jpg')
    root.joinpath('bee/linked.jpg').symlink_to('1.PNG')
    root.joinpath('cow/linked').symlink_to(root / 'bee')
    root.joinpath('cow/list.txt').touch()
    root.joinpath('cow/2.heic').touch()
    root.joinpath('beside.jpg').touch()
    root.joinpath('dog').mkdir()
    root.joinpath('.hidden').mkdir()
    root.joinpath('.hidden/1.jpg').touch()
    dataset = CustomDataset(data_root=str(root))
    assert labels(dataset) == {
        'ant/2.jpg': 0,
        'ant/10.JPEG': 0,
        'ant/more/1.png': 0,
        'bee/1.PNG': 1,
        'bee/linked.jpg': 1,
        'cow/1.bmp': 2,
        'cow/linked/1.PNG': 2,
        'cow/linked/linked.jpg': 2,
    }
    assert dataset.metainfo['classes'] == ('ant', 'bee', 'cow', 'dog')
    [line] = said
    for part in (
        'took 8 images; passed over 3 links that lead nowhere (ant/itself, '
        'bee/gone.jpg, cow/linked/gone.jpg)',
        '1 links back to a folder that they are in (ant/loop)',
        'no images by their names (1 .heic, 1 .txt)',
        '1 images outside of folders of classes',
        'folders without images (dog)',
    ):
        assert part in line


def test_upstreams_listing_of_a_circle_ends_in_a_sentence(root):
    root.joinpath('ant/loop').symlink_to(root)
    refused = pytest.raises(SystemExit, match=r'cannot open .* circles')
    with refused, ends_in_a_sentence():
        UpstreamCustomDataset(data_root=str(root))


def test_a_folder_that_must_not_be_read_is_named(root, monkeypatch):
    scandir = os.scandir

    def closed(path):
        if str(path).endswith('bee'):
            raise PermissionError(13, 'Permission denied', path)
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', closed)
    with pytest.raises(PermissionError, match='data/bee must not be read'):
        CustomDataset(data_root=str(root))


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no folder .*gone; set it'):
        CustomDataset(data_root=str(tmp_path / 'gone'))
    tmp_path.joinpath('a').mkdir()
    with pytest.raises(FileNotFoundError, match=r'no image in .*\.webp'):
        CustomDataset(data_root=str(tmp_path))


def test_labels_follow_the_names_of_classes(root):
    """In their own order, and with a folder that is missing."""
    classes = ('cow', 'bee', 'ant', 'dog')
    dataset = CustomDataset(
        data_root=str(root), metainfo=dict(classes=classes)
    )
    assert labels(dataset)['ant/2.jpg'] == 2
    assert labels(dataset)['cow/1.bmp'] == 0
    with pytest.raises(ValueError, match='called ant; there is no folder Ant'):
        CustomDataset(
            data_root=str(root), metainfo=dict(classes=('Ant', 'bee', 'cow'))
        )
    with pytest.raises(ValueError, match=r'3 folders of classes, but .* 1000'):
        ImageNet(data_root=str(root))


def test_files_are_not_looked_at(root, monkeypatch):
    """ImageNet has 1.3 million of them."""
    looked = []
    monkeypatch.setattr(os.path, 'isdir', looked.append)
    monkeypatch.setattr(os.path, 'isfile', looked.append)
    stat = os.stat
    monkeypatch.setattr(
        os, 'stat', lambda path, **_: looked.append(path) or stat(path)
    )
    assert len(find_images(str(root), ('.jpg', '.jpeg')).images) == 2
    assert looked == [str(root)]
