"""STL-10: few labelled images, and 100,000 without labels."""

from pathlib import Path

import numpy as np
from mmpretrain.datasets import BaseDataset

from ..arguments import require_one_of
from ..errors import UserFileNotFoundError, UserValueError
from ..registry import DATASETS

# Columns first, as MATLAB wrote them.
_STORED = (3, 96, 96)
_BYTES = 3 * 96 * 96


@DATASETS.register_module()
class STL10(BaseDataset):
    """STL-10 (Coates et al., 2011) from its binary archive, unpacked.

    96 x 96 images from ImageNet: ``train`` has 5,000 with labels, ``test``
    8,000, ``unlabeled`` 100,000 of these and of other classes. The ten folds
    of its first protocol are not read. Images are RGB; they are read one by
    one and never held in memory, as all are 2.7 GB.

    Args:
        data_root: Folder that holds ``stl10_binary``, or that folder itself.
        split: ``'train'``, ``'test'`` or ``'unlabeled'``.
        **kwargs: As in upstream's ``BaseDataset``.

    Raises:
        FileNotFoundError: A file of the split is not there.
        ValueError: There is no such split, or a file was cut short.
    """

    METAINFO = {
        'classes': (
            'airplane',
            'bird',
            'car',
            'cat',
            'deer',
            'dog',
            'horse',
            'monkey',
            'ship',
            'truck',
        )
    }

    def __init__(
        self, data_root: str = '', split: str = 'train', **kwargs
    ) -> None:
        require_one_of('split', split, ('train', 'test', 'unlabeled'))
        self.split = split
        self.with_label = split != 'unlabeled'
        super().__init__(ann_file='', data_root=data_root, **kwargs)
        if not self.with_label:
            self._metainfo.pop('classes', None)

    def load_data_list(self) -> list[dict]:
        images, rest = divmod(self._file('X').stat().st_size, _BYTES)
        if rest:
            raise UserValueError(
                f'{self._file("X")} was cut short: it ends after {rest} of '
                f'{_BYTES} bytes of an image; unpack the archive again'
            )
        if not self.with_label:
            return [dict(row=i) for i in range(images)]
        labels = np.fromfile(self._file('y'), np.uint8).astype(int) - 1
        classes = len(self.METAINFO['classes'])
        if len(labels) != images or not set(labels) <= set(range(classes)):
            raise UserValueError(
                f'{self._file("y")} is not of {self._file("X")}: it has '
                f'{len(labels)} labels for {images} images, and labels are 1 '
                f'to {classes}; unpack the archive again'
            )
        return [
            dict(row=i, gt_label=int(label)) for i, label in enumerate(labels)
        ]

    def get_data_info(self, idx: int) -> dict:
        info = super().get_data_info(idx)
        stored = np.fromfile(
            self._file('X'), np.uint8, _BYTES, offset=info['row'] * _BYTES
        )
        image = stored.reshape(_STORED).transpose(2, 1, 0)
        return dict(info, img=np.ascontiguousarray(image), channel_order='rgb')

    def _file(self, kind: str) -> Path:
        root = Path(self.data_root)
        name = f'{self.split}_{kind}.bin'
        for path in (root / 'stl10_binary' / name, root / name):
            if path.is_file():
                return path
        raise UserFileNotFoundError(
            f'no STL-10 in {root.absolute()}: {name} is not there; expected '
            f'is the official archive, unpacked, {root}/stl10_binary/{name}. '
            'Set the folder by --data-root PATH, or by `data_root` of the '
            'dataset'
        )
