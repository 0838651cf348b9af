import numpy as np
import pytest

from mmdcl.datasets import Digits


def test_splits_are_disjoint_and_complete():
    train, test = Digits(split='train'), Digits(split='test')
    assert (len(train), len(test)) == (1438, 359)
    image = train.get_data_info(0)['img']
    assert image.shape == (8, 8, 3)
    assert image.dtype == np.uint8
    assert image.max() == 239  # 15 of 16 levels of ink
    with pytest.raises(ValueError, match='got "val"'):
        Digits(split='val')
