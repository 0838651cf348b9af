"""Folders of classes as a benchmark needs them: several, full, the same."""

import os
import re
from typing import NamedTuple

from mmengine.dataset import BaseDataset
from mmpretrain.datasets import CustomDataset, ImageNet

from ..errors import UserPermissionError, UserValueError, few

_IMAGENET = 1000
_NEARLY = 50  # classes more or less than ImageNet's
_WNID = re.compile(r'n\d{8}')


class Leaf(NamedTuple):
    """A dataset inside of whatever wraps it, built without its images."""

    config: dict
    dataset: BaseDataset

    @property
    def said(self) -> list[str] | None:
        """Classes that the config gives it."""
        info = self.config.get('metainfo') or {}
        found = info.get('classes') or self.config.get('classes')
        return list(self.dataset.metainfo['classes']) if found else None

    @property
    def root(self) -> str | None:
        """The folder of its folders of classes, where it has such."""
        of_folders = isinstance(self.dataset, CustomDataset)
        if not of_folders or self.dataset.ann_file:
            return None
        root = self.dataset.img_prefix
        labelled = self.dataset.with_label and os.path.isdir(root)
        return root if labelled else None


def names_of_folders(leaves: list[Leaf]) -> list[str]:
    """Classes of the first; those of the others must be the same.

    Raises:
        PermissionError: A folder must not be read.
        ValueError: There are no classes, one, empty ones or different ones.
    """
    first, *others = leaves
    names = _classes(first)
    for leaf in others:
        theirs = _classes(leaf)
        missing, more = set(names) - set(theirs), set(theirs) - set(names)
        said = [f'lacks {few(missing)}'] * bool(missing)
        said += [f'has {few(more)} that {first.root} lacks'] * bool(more)
        if said:
            raise UserValueError(
                f'{first.root} has {len(names)} classes and {leaf.root} '
                f'{len(theirs)}: the latter {" and ".join(said)}. Give both '
                'the same folders'
            )
    return names


def whole_imagenet(leaf: Leaf, names: list[str]) -> bool:
    """Whether these are the classes of ImageNet-1K; says so if nearly."""
    of_imagenet = isinstance(leaf.dataset, ImageNet)
    if not of_imagenet or not all(map(_WNID.fullmatch, names)):
        return False
    if 0 < abs(len(names) - _IMAGENET) <= _NEARLY:
        print(
            f'beware: ImageNet has {_IMAGENET} classes, {leaf.root} has '
            f'{len(names)}; is it complete?'
        )
    return len(names) == _IMAGENET


def _classes(leaf: Leaf) -> list[str]:
    suffixes = leaf.dataset.extensions
    try:
        with os.scandir(str(leaf.root)) as entries:
            paths = {
                x.name: x.path
                for x in entries
                if x.name[0] != '.' and x.is_dir()
            }
        names = sorted(paths)
        empty = {x for x in names if not _has_image(paths[x], suffixes)}
    except PermissionError as error:
        raise UserPermissionError(
            f'{error.filename} must not be read by this user; change its '
            'permissions or remove it'
        ) from error
    if len(names) < 2:
        none = 'no folders of classes, and so no labels'
        only = f'one folder of a class, {names[0]}' if names else none
        raise UserValueError(
            f'{leaf.root} has {only}; expected are two or more, '
            f'{leaf.root}/<class>/<image>'
        )
    if empty:
        raise UserValueError(
            f'{leaf.root} has folders of classes without an image: '
            f'{few(empty)}. Fill or remove them; images end in '
            f'{", ".join(sorted(suffixes))}'
        )
    return names


def _has_image(folder: str, suffixes: tuple[str, ...]) -> bool:
    inner = []
    with os.scandir(folder) as entries:
        for entry in entries:  # the first will mostly do
            if entry.name.lower().endswith(suffixes):
                return True
            if entry.is_dir():
                inner.append(entry.path)
    return any(_has_image(path, suffixes) for path in inner)
