"""Read a checkpoint file that may come from anywhere."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch

from ..errors import (
    UserFileNotFoundError,
    UserModuleNotFoundError,
    UserValueError,
)
from ..hub import download
from ..hub.addresses import is_address
from . import old_torch
from .archive import check_archive, is_archive
from .metadata import network_of
from .stand_ins import STAND_INS, with_values

# How torch says that a file asks for more than that.
_REFUSED = re.compile(r'[^\n:]*(nsupported (?i:global|class)|unrecog)[^\n]*')
# torch.save's first value before 1.6, pickled.
_MAGIC = b'\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'


def read_checkpoint(path: str | Path, trust: bool = False) -> dict[str, Any]:
    """What a checkpoint file holds, on the CPU.

    A pickle may run any code when it is read. Here only tensors, plain values
    and what mmengine itself writes are read, unless the file is trusted. The
    checksums that ``torch.save`` wrote beside each record are compared.

    Args:
        path: ``.pth`` (or any file of ``torch.save``), ``.safetensors``, or,
            trusted only, ``.pkl``; ``hf://USER/REPO[/FILE][@REVISION]``,
            which is fetched once and then read from the cache; or
            ``mmdcl://NAME``, of :mod:`mmdcl.weights`.
        trust: Read it whatever it holds.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is an address of another kind, is cut short, is
            damaged, is no checkpoint, or holds more than tensors and plain
            values and is not trusted.
    """
    if is_address(path):
        return _read_by_address(str(path), trust)
    if '://' in str(path):
        raise UserValueError(
            f'{path} is an address; download what is there and give the file'
        )
    path = Path(path)
    if not path.is_file():
        raise UserFileNotFoundError(f'no checkpoint {path}')
    if path.suffix == '.safetensors':
        return _read_safetensors(path)
    if path.suffix == '.pkl' or _is_plain_pickle(path):
        if not trust:
            raise UserValueError(_untrusted(path, 'it is a plain pickle'))
        try:
            with path.open('rb') as file:
                content = _as_dict(path, pickle.load(file, encoding='latin1'))
        except (EOFError, pickle.UnpicklingError) as error:
            raise UserValueError(_broken(path)) from error
        arrays = content.get('model')  # detectron2 keeps them as numpy's
        if isinstance(arrays, dict):
            content['model'] = {
                name: torch.as_tensor(x)
                for name, x in arrays.items()
                if hasattr(x, 'dtype')
            }
        return content
    if is_archive(path):
        check_archive(path, trust)
    if trust:
        return _as_dict(path, _load(path, weights_only=False))
    # torch < 2.5 refuses what mmengine's files name, and takes no list.
    safe_globals = getattr(torch.serialization, 'safe_globals', None)
    if safe_globals is None:
        content = _load(path, weights_only=False, pickle_module=old_torch)
    else:
        with safe_globals(STAND_INS):
            content = _load(path, weights_only=True)
    try:
        return _as_dict(path, with_values(content))
    except RecursionError as error:
        raise UserValueError(
            f'{path} holds values nested too deep; it is no checkpoint'
        ) from error
    except Exception as error:  # whatever NumPy says to nonsense
        raise UserValueError(_untrusted(path, str(error))) from error


def _read_by_address(address: str, trust: bool) -> dict[str, Any]:
    """The same, of a file that is named by where it came from."""
    path = download.local_file(address).path
    try:
        return read_checkpoint(path, trust)
    except UserValueError as error:
        told = str(error).replace(str(path), address)
        raise UserValueError(f'{told} ({path})') from error


def _is_plain_pickle(path: Path) -> bool:
    """Of ``pickle.dump``; torch's own begin with a number of torch."""
    with path.open('rb') as file:
        start = file.read(15)
    return start[:1] == b'\x80' and start[2:14] != _MAGIC


def _load(path: Path, **kwargs: Any) -> Any:
    try:
        return torch.load(path, map_location='cpu', **kwargs)
    except Exception as error:  # of many kinds, one for each way to be broken
        refused = _REFUSED.search(str(error))
        if isinstance(error, pickle.UnpicklingError) and refused:
            reason = refused.group().partition(' by default')[0].strip()
            raise UserValueError(_untrusted(path, reason)) from error
        raise UserValueError(_broken(path)) from error


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


def _as_dict(path: Path, content: Any) -> dict[str, Any]:
    if isinstance(content, dict):
        return content
    raise UserValueError(
        f'{path} holds a {type(content).__name__}, expected a dict of tensors '
        'or a checkpoint with `state_dict`'
    )


def safetensors_for(path: Path) -> Any:
    """The library, or an error that says which file needs it."""
    try:
        import safetensors.torch
    except ImportError as error:
        raise UserModuleNotFoundError(
            f'{path} needs safetensors: pip install safetensors'
        ) from error
    return safetensors


def _read_safetensors(path: Path) -> dict[str, Any]:
    safetensors = safetensors_for(path)
    try:
        tensors = safetensors.torch.load_file(path)
        with safetensors.safe_open(path, 'pt') as file:
            network = network_of(file.metadata(), str(path))
    except safetensors.SafetensorError as error:
        raise UserValueError(_broken(path)) from error
    meta = {'meta': {'network': network}} if network else {}
    return {'state_dict': tensors, **meta}
