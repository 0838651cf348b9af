"""Which folders of the user's hold images to learn from and to test on."""

from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..config_parts import LOADERS, only_dataset, short_name
from ..errors import UserValueError, few
from .configuration import FOLDERS

_TRAINED, *_TESTED = LOADERS


def find_splits(cfg: Config, data_root: str | None) -> None:
    """Test on ``test`` where there is no ``val``, if folders are classes.

    Args:
        cfg: Of an evaluation, changed in place.
        data_root: The user's.

    Raises:
        ValueError: It has no such folders.
    """
    root = Path(data_root or '')
    if not data_root or '://' in data_root or not root.is_dir():
        return
    if not _of_folders(cfg, _TRAINED, 'train'):
        return
    tested = [x for name in _TESTED if (x := _of_folders(cfg, name, 'val'))]
    held_out = next((x for x in ('val', 'test') if (root / x).is_dir()), None)
    if not (root / 'train').is_dir() or (tested and held_out is None):
        there = {x.name for x in root.iterdir() if x.is_dir()}
        raise UserValueError(
            f'expected are {root}/train/<class>/<image> to learn from, and '
            f'{root}/val or {root}/test with images of the same classes to '
            f'test on; there is {few(there) or "no folder in it"}. Move some '
            'images of each class, a fifth say, into a folder to test on'
        )
    if held_out == 'test' and tested:
        print(f'tested on {root / held_out}, as there is no {root / "val"}')
        for dataset in tested:
            dataset.data_prefix = held_out


def _of_folders(cfg: Config, name: str, prefix: str) -> Any:
    """The dataset of a loader, if of folders of classes in ``prefix``."""
    dataset = only_dataset(cfg, name)
    found = dataset.get('data_prefix') or dataset.get('split')
    listed = short_name(dataset.get('type')) in FOLDERS and found == prefix
    return dataset if listed and not dataset.get('ann_file') else None
