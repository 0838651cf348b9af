"""Real images that arrive with a dependency, for the demo and for tests."""

import numpy as np
from mmpretrain.datasets import BaseDataset

from ..arguments import require_one_of
from ..errors import UserModuleNotFoundError
from ..registry import DATASETS


@DATASETS.register_module()
class Digits(BaseDataset):
    """scikit-learn's 1,797 handwritten digits, 8 x 8 pixels, 10 classes.

    Scanned forms of 43 writers (UCI Optical Recognition of Handwritten
    Digits). Every fifth image is in the test split. Images are given as
    8 x 8 x 3 uint8 under ``img``.

    Args:
        split: ``'train'`` (1,438 images) or ``'test'`` (359).
        **kwargs: As in upstream's ``BaseDataset``.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
        ValueError: There is no such split.
    """

    METAINFO = {'classes': tuple('0123456789')}

    def __init__(self, split: str = 'train', **kwargs) -> None:
        require_one_of('split', split, ('train', 'test'))
        self.split = split
        super().__init__(ann_file='', **kwargs)

    def load_data_list(self) -> list[dict]:
        try:
            from sklearn.datasets import load_digits
        except ModuleNotFoundError as error:
            raise UserModuleNotFoundError(
                'the digits come with scikit-learn: pip install scikit-learn'
            ) from error
        digits = load_digits()
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        return [
            dict(img=np.repeat(image[..., None], 3, 2), gt_label=int(label))
            for i, (image, label) in enumerate(
                zip(images, digits.target, strict=True)
            )
            if (i % 5 == 4) == (self.split == 'test')
        ]
