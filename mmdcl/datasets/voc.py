"""PASCAL VOC for classification: several labels an image."""

from pathlib import Path

from mmpretrain.datasets import VOC as UpstreamVOC

from ..errors import UserFileNotFoundError
from ..registry import DATASETS

# Below the folder that is given, where the archives of VOC2007 put it.
_INSIDE = ('', 'VOC2007', 'VOCdevkit/VOC2007')


@DATASETS.register_module()
class VOC(UpstreamVOC):
    """Upstream's ``VOC``, from VOC2007 or the folder that it was unpacked in.

    ``gt_label`` are the classes of an image, ``gt_label_difficult`` those of
    objects that are marked difficult.

    Args:
        data_root: ``VOC2007`` with ``JPEGImages``, ``Annotations`` and
            ``ImageSets``, or ``VOCdevkit``, or the folder above it.
        split: ``'train'``, ``'val'``, ``'trainval'`` or ``'test'``.
        **kwargs: As in upstream's.

    Raises:
        FileNotFoundError: None of them is such a folder.
    """

    def __init__(
        self, data_root: str, split: str = 'trainval', **kwargs
    ) -> None:
        listed = f'ImageSets/Main/{split}.txt'
        roots = [Path(data_root, inside) for inside in _INSIDE]
        there = (x for x in roots if x.joinpath(listed).is_file())
        root = str(next(there, data_root))
        super().__init__(data_root=root, split=split, **kwargs)

    def load_data_list(self) -> list[dict]:
        if not Path(self.image_set_path).is_file():
            raise UserFileNotFoundError(
                f'there is no {Path(self.image_set_path).absolute()}, nor one '
                'in VOC2007 or VOCdevkit/VOC2007 below that folder; unpack '
                'both archives of VOC2007 (trainval and test) and give the '
                'folder by --data-root PATH'
            )
        return super().load_data_list()
