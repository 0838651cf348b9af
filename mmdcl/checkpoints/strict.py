"""Whatever makes mmengine load a file: it goes through the strict reader."""

import logging
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader

from ..errors import UserValueError
from ..hub.addresses import is_address
from .reading import read_checkpoint

_upstream = CheckpointLoader.load_checkpoint


def fetched_by_mmengine(checkpoint: str | Path) -> bool:
    """Whether it is an address, but none that is read strictly."""
    return '://' in str(checkpoint) and not is_address(checkpoint)


def refuse_address(checkpoint: str | Path) -> None:
    """Stop at an address; a path passes, and so does ``hf://``.

    Raises:
        ValueError: It is no path, and mmengine would fetch what is there.
    """
    if fetched_by_mmengine(checkpoint):
        raise UserValueError(
            f'{checkpoint} is an address: mmengine fetches and reads what is '
            'there, and that could run code of whoever put it there. '
            'Download it and give the file, or, if you trust it, allow that '
            'by --trust'
        )


def read_for_mmengine(
    checkpoint: str | Path, trust: bool = False
) -> dict[str, Any]:
    """As :func:`read_checkpoint`, without what mmengine's ``resume`` runs."""
    content = read_checkpoint(checkpoint, trust)
    _without_code(content)
    return content


def _without_code(content: Any) -> None:
    meta = content.get('meta') if isinstance(content, dict) else None
    if isinstance(meta, dict):
        meta.pop('config', None)


def only_strict(trust: bool = False) -> None:
    """From now on mmengine loads checkpoints by :func:`read_checkpoint`.

    That holds for all of this process: ``load_from``, ``resume``,
    ``init_cfg=dict(type='Pretrained')``, ``pretrained=`` of a model, hooks,
    and whatever else asks mmengine's ``CheckpointLoader``. The config inside
    a checkpoint is kept as text in ``meta['cfg']``; ``meta['config']``, which
    mmengine's ``resume`` would run, is left out. Tensors are on the CPU
    until they are copied to where they belong.

    Args:
        trust: Read files whatever they hold, and fetch addresses of any
            kind; those of ``hf://`` are read strictly without it.

    Raises:
        ValueError: On loading, as for :func:`read_checkpoint`, or at an
            address.
    """

    def load_checkpoint(
        cls: type,
        filename: str | Path,
        map_location: Any = None,
        logger: Any = 'current',
    ) -> dict[str, Any]:
        path = str(filename)
        if fetched_by_mmengine(path):
            if not trust:
                refuse_address(path)
            checkpoint = _upstream(path, map_location, logger)
            _without_code(checkpoint)
            return checkpoint
        if not is_address(path):
            path = str(Path(path).expanduser())
        checkpoint = read_for_mmengine(path, trust)
        # None would print it, whatever the level.
        print_log(f'read {path}', logger or 'silent', logging.DEBUG)
        return checkpoint

    CheckpointLoader.load_checkpoint = classmethod(load_checkpoint)
