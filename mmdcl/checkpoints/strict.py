"""Whatever makes mmengine load a file: it goes through the strict reader."""

import logging
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.runner.checkpoint import CheckpointLoader

from ..errors import UserValueError
from .reading import read_checkpoint

_upstream = CheckpointLoader.load_checkpoint


def refuse_address(checkpoint: str | Path) -> None:
    """Stop at an address; a path passes.

    Raises:
        ValueError: It is no path, and mmengine would fetch what is there.
    """
    if '://' in str(checkpoint):
        raise UserValueError(
            f'{checkpoint} is an address: mmengine fetches and reads what is '
            'there, and that could run code of whoever put it there. '
            'Download it and give the file, or, if you trust it, allow that '
            'by --trust'
        )


def only_strict(trust: bool = False) -> None:
    """From now on mmengine loads checkpoints by :func:`read_checkpoint`.

    That holds for all of this process: ``load_from``, ``resume``,
    ``init_cfg=dict(type='Pretrained')``, ``pretrained=`` of a model, hooks,
    and whatever else asks mmengine's ``CheckpointLoader``. The config inside
    a checkpoint is kept as text in ``meta['cfg']``; ``meta['config']``, which
    mmengine's ``resume`` would run, is left out. Tensors are on the CPU
    until they are copied to where they belong.

    Args:
        trust: Read files whatever they hold, and fetch addresses.

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
        if '://' in path:
            if not trust:
                refuse_address(path)
            checkpoint = _upstream(path, map_location, logger)
        else:
            path = str(Path(path).expanduser())
            checkpoint = read_checkpoint(path, trust)
            # None would print it, whatever the level.
            print_log(f'read {path}', logger or 'silent', logging.DEBUG)
        meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
        if isinstance(meta, dict):
            meta.pop('config', None)
        return checkpoint

    CheckpointLoader.load_checkpoint = classmethod(load_checkpoint)
