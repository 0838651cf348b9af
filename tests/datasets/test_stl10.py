"""STL-10 beside torchvision's reader of the same files."""

import numpy as np
import pytest
from torchvision import datasets

from mmdcl.datasets import STL10

COUNTS = {'train': 4, 'test': 3, 'unlabeled': 5}


@pytest.fixture
def root(tmp_path):
    generator = np.random.default_rng(0)
    folder = tmp_path / 'stl10_binary'
    folder.mkdir()
    for split, count in COUNTS.items():
        images = generator.integers(0, 256, (count, 3, 96, 96), np.uint8)
        images.tofile(folder / f'{split}_X.bin')
        if split != 'unlabeled':
            labels = generator.integers(1, 11, count).astype(np.uint8)
            labels.tofile(folder / f'{split}_y.bin')
    return tmp_path


@pytest.mark.parametrize('split', COUNTS)
def test_it_is_what_torchvision_reads(split, root, monkeypatch):
    monkeypatch.setattr(datasets.STL10, '_check_integrity', lambda self: True)
    theirs = datasets.STL10(root, split)
    for data_root in (root, root / 'stl10_binary'):
        ours = STL10(str(data_root), split)
        assert len(ours) == len(theirs) == COUNTS[split]
        assert bool(ours.CLASSES) == (split != 'unlabeled')
        for i, (image, label) in enumerate(theirs):
            info = ours.get_data_info(i)
            assert (info['img'] == np.asarray(image)).all()
            assert info.get('gt_label', -1) == label
            assert info['channel_order'] == 'rgb'


def test_what_is_not_whole_is_said(root, tmp_path):
    with pytest.raises(ValueError, match=r"or 'unlabeled', got .val"):
        STL10(str(root), 'val')
    with pytest.raises(FileNotFoundError, match=r'train_X\.bin is not there'):
        STL10(str(tmp_path / 'nowhere'))
    path = root / 'stl10_binary/test_y.bin'
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match='has 2 labels for 3 images'):
        STL10(str(root), 'test')
    path = root / 'stl10_binary/train_X.bin'
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match='ends after 27647 of 27648 bytes'):
        STL10(str(root))
