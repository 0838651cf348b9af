"""Folders of classes: which label each has, and what in them was not read."""

import logging
import os
from typing import Any

from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.logging import print_log
from mmpretrain.datasets import CustomDataset as UpstreamCustomDataset
from mmpretrain.datasets import ImageNet as UpstreamImageNet

from ..errors import UserFileNotFoundError, UserValueError, few
from ..registry import DATASETS
from .found import EXTENSIONS, entries_of, find_images, folders_of


def number_classes(
    folders: list[str], classes: tuple[str, ...] | None, root: str
) -> dict[str, int]:
    """Label of each class.

    Args:
        folders: Names of the folders of classes, sorted.
        classes: Of the dataset, in their order, if it has any.
        root: For messages.

    Returns:
        By the order of ``classes`` where folders bear their names, all
        classes included; else by the order of the folders.

    Raises:
        ValueError: Folders and classes do not fit.
    """
    if classes is None:
        return {name: i for i, name in enumerate(folders)}
    if set(folders) <= set(classes):
        return {name: i for i, name in enumerate(classes)}
    extra, missing = set(folders) - set(classes), set(classes) - set(folders)
    if 2 * len(extra) <= len(folders):  # most do bear names of classes
        raise UserValueError(
            f'{root}: no class is called {few(extra)}'
            + (f'; there is no folder {few(missing)}' if missing else '')
            + '. Rename the folders, or the classes in `metainfo`'
        )
    if len(folders) != len(classes):
        raise UserValueError(
            f'{root} has {len(folders)} folders of classes, but the dataset '
            f'has {len(classes)} classes. Is the folder complete? For other '
            'classes use mmdcl.CustomDataset without `metainfo`'
        )
    return {name: i for i, name in enumerate(folders)}


class _Folders:
    """How samples are found; the rest is upstream's."""

    def _find_samples(self: Any) -> list:
        root = self.img_prefix
        if not isinstance(get_file_backend(root), LocalBackend):
            return super()._find_samples()
        if not os.path.isdir(root):
            raise UserFileNotFoundError(
                f'there is no folder {os.path.abspath(root)}; set it by '
                '`data_root` and `data_prefix` of the dataset'
            )
        found = find_images(root, self.extensions)
        self.image_folders = folders_of(found, root)
        said = [found.passed_over()]
        samples: list = found.images
        if self.with_label:
            folders = sorted(
                entry.name
                for entry in entries_of(root)
                if entry.name[0] != '.'
                and entry.name not in found.loops
                and entry.is_dir()
            )
            numbers = number_classes(folders, self.CLASSES, root)
            self.folder_to_idx = numbers
            if self.CLASSES is None:
                self._metainfo['classes'] = tuple(folders)
            first = [path.partition('/') for path in found.images]
            samples = [
                (path, numbers[folder])
                for path, (folder, slash, _) in zip(
                    found.images, first, strict=True
                )
                if slash
            ]
            samples.sort(key=lambda sample: sample[0].partition('/'))
            if beside := len(found.images) - len(samples):
                said.append(f'{beside} images outside of folders of classes')
            full = {folder for folder, *_ in first}
            if empty := set(numbers) & set(folders) - full:
                said.append(f'folders without images ({few(empty)})')
        if said := [x for x in said if x]:
            print_log(
                f'{root}: took {len(samples)} images; passed over '
                + '; '.join(said),
                'current',
                logging.WARNING,
            )
        if not samples:
            raise UserFileNotFoundError(
                f'no image in {os.path.abspath(root)}'
                + (', in folders of classes' if self.with_label else '')
                + f'; images end in {", ".join(sorted(self.extensions))}'
            )
        return samples


@DATASETS.register_module()
class CustomDataset(_Folders, UpstreamCustomDataset):
    """Upstream's ``CustomDataset``, which says what it passes over.

    Reads ``.webp`` and ``.tiff``, too; counts links that lead nowhere or in
    circles, files of other kinds and folders without images; leaves hidden
    folders out, which upstream takes for classes. With
    ``metainfo=dict(classes=...)`` labels follow these names, so that a folder
    that is missing shifts no label.

    Args:
        extensions: Of images.
        **kwargs: As in upstream's.

    Raises:
        FileNotFoundError: There is no folder, or no image in it.
        PermissionError: A folder must not be read.
        ValueError: Folders are not those of the classes.
    """

    def __init__(self, *args, extensions=EXTENSIONS, **kwargs) -> None:
        super().__init__(*args, extensions=extensions, **kwargs)


@DATASETS.register_module()
class ImageNet(_Folders, UpstreamImageNet):
    """Upstream's ``ImageNet``, read as :class:`CustomDataset` does."""

    IMG_EXTENSIONS = EXTENSIONS
