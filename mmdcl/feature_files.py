"""Features of a folder's images in a file, written and read."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .errors import (
    UserFileNotFoundError,
    UserModuleNotFoundError,
    UserValueError,
)

SUFFIXES = ('.safetensors', '.npz')
_LONGEST = 90_000_000  # bytes of metadata; safetensors takes 100 million


class SavedFeatures(NamedTuple):
    """What a file of features holds, of ``N`` images.

    Attributes:
        names: Their paths below the folder.
        features: ``(N, D)`` float32.
        labels: ``(N,)`` where the folder has classes.
        classes: Their names.
        about: Where the features come from, in words.
    """

    names: list[str]
    features: np.ndarray
    labels: np.ndarray | None = None
    classes: list[str] | None = None
    about: dict[str, str] | None = None


def check_file(path: str | Path) -> None:
    """Refuse what cannot be written or read, before anything is computed.

    Raises:
        ValueError: Its name ends in something else.
        ModuleNotFoundError: It needs safetensors, which is not installed.
    """
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise UserValueError(
            f'{path}: features are kept in {" or ".join(SUFFIXES)}'
        )
    if suffix == '.safetensors' and find_spec('safetensors') is None:
        raise UserModuleNotFoundError(
            f'{path} needs safetensors: pip install safetensors, or take .npz'
        )


def save_features(saved: SavedFeatures, path: str | Path) -> None:
    """Write a file, whole or not at all.

    Raises:
        ValueError: Its suffix is another, or its names are more than a
            .safetensors holds.
    """
    check_file(path)
    path = Path(path)
    arrays = {'features': saved.features}
    if saved.labels is not None:
        arrays['labels'] = saved.labels
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f'.{path.stem}.{os.getpid()}{path.suffix}')
    try:
        if path.suffix == '.npz':
            words = {'names': saved.names, 'classes': saved.classes}
            words = {k: np.array(x) for k, x in words.items() if x is not None}
            about = np.array(json.dumps(saved.about or {}))
            np.savez(draft, **arrays, **words, about=about)
        else:
            metadata = {'names': json.dumps(saved.names)}
            if saved.classes is not None:
                metadata['classes'] = json.dumps(saved.classes)
            metadata |= saved.about or {}
            if sum(map(len, metadata.values())) > _LONGEST:
                raise UserValueError(
                    f'{path}: the names of {len(saved.names)} images are more '
                    'than the head of a .safetensors takes; write .npz'
                )
            from safetensors.numpy import save_file

            save_file(arrays, draft, metadata)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load_features(path: str | Path) -> SavedFeatures:
    """Read what ``mmdcl features`` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is none of features.
    """
    check_file(path)
    if not Path(path).is_file():
        raise UserFileNotFoundError(f'there is no file {path}')
    try:
        return _load_npz(path) if str(path).endswith('.npz') else _load(path)
    except Exception as error:  # of any kind: so are broken files
        raise UserValueError(
            f'{path} is no file of features: {type(error).__name__}: {error}'
        ) from error


def _load(path: str | Path) -> SavedFeatures:
    from safetensors import safe_open

    with safe_open(path, 'numpy') as file:
        metadata: dict[str, Any] = dict(file.metadata() or {})
        there = file.keys()
        arrays = {name: file.get_tensor(name) for name in there}
    classes = metadata.pop('classes', None)
    return SavedFeatures(
        json.loads(metadata.pop('names')),
        arrays['features'],
        arrays.get('labels'),
        None if classes is None else json.loads(classes),
        metadata,
    )


def _load_npz(path: str | Path) -> SavedFeatures:
    with np.load(path) as file:
        return SavedFeatures(
            file['names'].tolist(),
            file['features'],
            file.get('labels'),
            file['classes'].tolist() if 'classes' in file else None,
            json.loads(str(file['about'])),
        )
