"""CIFAR-10 and CIFAR-100, from their archives or from folders of classes."""

from pathlib import Path

import cv2
import numpy as np
from mmpretrain.datasets import CIFAR10 as UpstreamCIFAR10
from mmpretrain.datasets import CIFAR100 as UpstreamCIFAR100

from ..arguments import require_flag, require_one_of, require_whole
from ..errors import UserFileNotFoundError, UserValueError
from ..registry import DATASETS
from .found import EXTENSIONS

_LAYOUTS = """expected either the official archive
    {root}/{files}
    (or {root}/{archive}, which is then unpacked)
or folders of classes
    {root}/train/<class>/*.png and {root}/test/<class>/*.png
or `download=True` of the dataset. Set the folder by --data-root PATH, or by
`data_root` of the dataset"""


class _CIFAR:
    """Where images are read from; archives are read by upstream's classes."""

    NAME: str

    def __init__(
        self,
        data_root: str = '',
        split: str = 'train',
        part: tuple[int, int] = (0, 1),
        download: bool = False,
        **kwargs,
    ) -> None:
        require_one_of('split', split, ('train', 'test'))
        require_flag('download', download)
        pair = list(part) if isinstance(part, (list, tuple)) else [part]
        for number in pair:
            require_whole('part', number, least=0)
        index, of = pair if len(pair) == 2 else (0, 0)
        if not 0 <= index < of:
            raise UserValueError(
                f'`part` must be (index, of) with 0 <= index < of, got {part}'
            )
        self.part = (index, of)
        super().__init__(
            data_root=data_root,
            split=split,
            # An archive that is there is unpacked by upstream's download.
            download=download or Path(data_root, self.filename).is_file(),
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        root = Path(self.data_prefix['root'])
        folder = root / self.split
        if folder.is_dir() and any(folder.iterdir()):
            images = self._read_folders(folder)
        else:
            try:
                images = super().load_data_list()
            except (OSError, RuntimeError, AssertionError) as error:
                raise UserFileNotFoundError(
                    f'no {self.NAME} in {root.absolute()}; '
                    + self._layouts(root)
                    + (f'\n({error})' if self.download else '')
                ) from error
        index, of = self.part
        by_class: dict[int, list[dict]] = {}
        for image in images:
            by_class.setdefault(image['gt_label'], []).append(image)
        kept = [
            image
            for label in sorted(by_class)
            for image in by_class[label][index::of]
        ]
        # Files are read last, as most of them may be of other parts.
        return [
            dict(
                img=_read(image['img'])
                if isinstance(image['img'], Path)
                else image['img'],
                gt_label=image['gt_label'],
                channel_order='rgb',
            )
            for image in kept
        ]

    def _read_folders(self, folder: Path) -> list[dict]:
        images: list[dict] = []
        for label, name in enumerate(self.CLASSES):
            paths = sorted(
                p
                for p in folder.joinpath(name).glob('*')
                if p.suffix.lower() in EXTENSIONS
            )
            if not paths:
                raise UserFileNotFoundError(
                    f'no image of class {name!r} in {folder / name}; '
                    + self._layouts(folder.parent)
                )
            images += [dict(img=path, gt_label=label) for path in paths]
        return images

    def _layouts(self, root: Path) -> str:
        first, last = self.train_list[0][0], self.test_list[0][0]
        between = ' ... ' if len(self.train_list) > 1 else ' and '
        return _LAYOUTS.format(
            root=root,
            files=f'{self.base_folder}/{first}{between}{last}',
            archive=self.filename,
        )


@DATASETS.register_module()
class CIFAR10(_CIFAR, UpstreamCIFAR10):
    """Upstream's CIFAR-10, from either of the two layouts people have.

    Folders ``train/<class>/*.png`` and ``test/<class>/*.png`` are used where
    they exist; otherwise this is upstream's class, which reads the official
    archive, but downloads it only when told to: a mistyped folder should not
    fill up. Images are RGB either way.

    Args:
        data_root: Folder that holds either layout.
        split: ``'train'`` or ``'test'``.
        part: ``(index, of)`` keeps the images at position ``index``,
            ``index + of``, ... of each class: ``of`` disjoint parts of equal
            class balance, the same in every run. Default: all images.
        download: Download the archive into ``data_root`` if it is missing.
        **kwargs: As in upstream's ``CIFAR10``.

    Raises:
        FileNotFoundError: Neither layout is there, and no download worked.
        ValueError: ``part`` is not a valid pair.
    """

    NAME = 'CIFAR-10'


@DATASETS.register_module()
class CIFAR100(_CIFAR, UpstreamCIFAR100):
    """CIFAR-100 with its 100 fine labels, as :class:`CIFAR10` reads it."""

    NAME = 'CIFAR-100'


def _read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    if image is None or image.shape != (32, 32, 3):
        raise UserValueError(
            f'{path} is not a 32 x 32 image that can be read; remove it or '
            'put the original back'
        )
    return np.ascontiguousarray(image[..., ::-1])
