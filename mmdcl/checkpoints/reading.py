"""Read a checkpoint file that may come from anywhere."""

import pickle
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch


class _Ignored:
    """Takes the place of what is not read, and does nothing."""

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


# What mmengine's checkpoints name beside tensors and plain values: the history
# of logged values. None of it is run: each name gives an empty object, and
# torch refuses to call anything that is not on this list.
_IGNORED = [
    type(name, (_Ignored,), {'__module__': module})
    for module, name in [
        ('mmengine.logging.history_buffer', 'HistoryBuffer'),
        ('builtins', 'getattr'),
        ('numpy', 'dtype'),
        ('numpy', 'ndarray'),
        *(
            (f'numpy.{core}.multiarray', name)
            for core in ('core', '_core')
            for name in ('scalar', '_reconstruct')
        ),
    ]
]


# How torch says that a file asks for more than that.
_REFUSED = re.compile(r'[^\n:]*(nsupported (?i:global|class)|unrecog)[^\n]*')


def read_checkpoint(path: str | Path, trust: bool = False) -> dict[str, Any]:
    """What a checkpoint file holds, on the CPU.

    A pickle may run any code when it is read. Here only tensors, plain values
    and what mmengine itself writes are read, unless the file is trusted.

    Args:
        path: ``.pth`` (or any file of ``torch.save``), ``.safetensors``, or,
            trusted only, ``.pkl``.
        trust: Read it whatever it holds.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is cut short, is no checkpoint, or holds more than
            tensors and plain values and is not trusted.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'no checkpoint {path}')
    if path.suffix == '.safetensors':
        return {'state_dict': _read_safetensors(path)}
    if path.suffix == '.pkl':
        if not trust:
            raise ValueError(_untrusted(path, 'it is a plain pickle'))
        try:
            with path.open('rb') as file:
                found = _as_dict(path, pickle.load(file, encoding='latin1'))
        except (EOFError, pickle.UnpicklingError) as error:
            raise ValueError(_broken(path)) from error
        arrays = found.get('model')  # detectron2 keeps them as numpy's
        if isinstance(arrays, dict):
            found['model'] = {
                name: torch.as_tensor(x)
                for name, x in arrays.items()
                if hasattr(x, 'dtype')
            }
        return found
    safe_globals = getattr(torch.serialization, 'safe_globals', None)
    allow = safe_globals(_IGNORED) if safe_globals else nullcontext()
    try:
        with allow:
            found = torch.load(
                path, map_location='cpu', weights_only=not trust
            )
    except Exception as error:  # of many kinds, one for each way to be broken
        refused = _REFUSED.search(str(error))
        if isinstance(error, pickle.UnpicklingError) and refused:
            reason = refused.group().partition(' by default')[0].strip()
            raise ValueError(_untrusted(path, reason)) from error
        raise ValueError(_broken(path)) from error
    return _as_dict(path, found)


def _untrusted(path: Path, reason: str) -> str:
    return (
        f'{path} holds more than tensors and plain values ({reason}); reading '
        'it could run code of whoever made it. If you trust its source, allow '
        'that by trust=True (--trust on the command line)'
    )


def _broken(path: Path) -> str:
    return (
        f'{path} is cut short or not a checkpoint ({path.stat().st_size:,} '
        'bytes); copy or download it again'
    )


def _as_dict(path: Path, found: Any) -> dict[str, Any]:
    if isinstance(found, dict):
        return found
    raise ValueError(
        f'{path} holds a {type(found).__name__}, expected a dict of tensors '
        'or a checkpoint with `state_dict`'
    )


def safetensors_for(path: Path) -> Any:
    """The library, or an error that says which file needs it."""
    try:
        import safetensors.torch
    except ImportError as error:
        raise ImportError(
            f'{path} needs safetensors: pip install safetensors'
        ) from error
    return safetensors


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    safetensors = safetensors_for(path)
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(_broken(path)) from error
