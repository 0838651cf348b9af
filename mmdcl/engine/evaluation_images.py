"""Images that are evaluated on must not be trained on."""

import os
import re
from collections.abc import Iterator
from typing import Any

from ..errors import UserValueError, few
from .class_check import leaves

# A folder of these beside `train`; also as in `val2017` beside `train2017`.
_EVALUATED = re.compile(
    r'(?:val|valid|validation|test|testing)(\d*)', re.IGNORECASE
)
_OF_A_SPLIT = 'lie in a folder val or test, with a folder train beside it'
_INSTEAD = (
    '; what is evaluated on must be new to the network. Take them out, or, if '
    'it shall be so, pass --train-on-evaluation (`train_on_evaluation=True` '
    'of mmdcl.DataCheckHook in a config)'
)


def paths_of(dataset: Any) -> Iterator[str]:
    """Where images lie, as the dataset has it, of those that are files."""
    for leaf in leaves(dataset):
        if not hasattr(leaf, 'get_data_info') or not len(leaf):
            continue
        if 'img_path' not in leaf.get_data_info(0):  # they are in memory
            continue
        for i in range(len(leaf)):
            yield leaf.get_data_info(i)['img_path']


class _Resolver:
    """Paths without links, looking into each folder once."""

    def __init__(self) -> None:
        self.folders: dict[str, tuple[str, set[str]]] = {}

    def __call__(self, path: str) -> str:
        folder, _, name = path.rpartition('/')
        if folder not in self.folders:
            real = os.path.realpath(folder or '.')
            self.folders[folder] = real, _links(real)
        real, links = self.folders[folder]
        whole = f'{real}/{name}'
        return os.path.realpath(whole) if name in links else whole


def _links(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {x.name for x in entries if x.is_symlink()}
    except OSError:  # on a server, say
        return set()


def _apart(leaf: Any, evaluated: set[str]) -> bool:
    """Whether they lie in other folders, by what the dataset has seen.

    Looking at each of a million images takes seconds.
    """
    folders = getattr(leaf, 'image_folders', None)
    return folders is not None and folders.isdisjoint(
        {os.path.dirname(path) for path in evaluated}
    )


def check_evaluation_images(train: Any, evaluation: dict[str, Any]) -> None:
    """Refuse images to train on that are evaluated on, by their files.

    Links are followed; copies of a file are not known. Images in memory are
    not looked at.

    Args:
        train: Dataset to train on.
        evaluation: Datasets by what messages shall call them.

    Raises:
        ValueError: There are some; or some lie in folders of the names that
            splits have, ``train`` and ``val`` or ``test``, side by side.
    """
    parts = [leaf for leaf in leaves(train) if next(paths_of(leaf), None)]
    if not parts:
        return
    for name, dataset in evaluation.items():
        both = shared_images(train, dataset)
        _refuse(both, f'are among those that {name} evaluates on')
    for leaf in parts:
        _refuse(list(_beside_train(leaf)), _OF_A_SPLIT)


def shared_images(train: Any, evaluated: Any) -> list[str]:
    """Images of the one dataset that the other has as well, by their files."""
    resolved = _Resolver()
    theirs = set(map(resolved, paths_of(evaluated)))
    return [
        path
        for leaf in leaves(train)
        if theirs and not _apart(leaf, theirs)
        for path in paths_of(leaf)
        if resolved(path) in theirs
    ]


def _beside_train(leaf: Any) -> Iterator[str]:
    """Images of a folder of any depth that is several splits together."""
    place = leaf.img_prefix if hasattr(leaf, 'image_folders') else ''
    if not os.path.isdir(place):
        return
    root = os.path.realpath(place)
    folders = leaf.image_folders or set(map(os.path.dirname, paths_of(leaf)))
    bad = {x for x in folders if _is_evaluated(root, x)}
    for path in paths_of(leaf) if bad else ():
        folder = os.path.dirname(path)
        if folder in bad or os.path.realpath(folder) in bad:
            yield path


def _is_evaluated(root: str, folder: str) -> bool:
    """Whether a folder below the root is, or is in, the other split."""
    parts = os.path.relpath(os.path.realpath(folder), root).split(os.sep)
    for i, part in enumerate(parts):
        found = _EVALUATED.fullmatch(part)
        if found and _trains(os.path.join(root, *parts[:i]), found[1]):
            return True
    return False


def _trains(folder: str, year: str) -> bool:
    """Whether a folder has one to train on in it."""
    wanted = {f'train{year}', f'training{year}'}
    with os.scandir(folder) as entries:
        return any(x.name.lower() in wanted and x.is_dir() for x in entries)


def _refuse(paths: list[str], what: str) -> None:
    if paths:
        raise UserValueError(
            f'{len(paths):,} of the images to train on {what} '
            f'({few(set(paths))}){_INSTEAD}'
        )
