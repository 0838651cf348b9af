"""``--log tensorboard wandb``: where the numbers go beside the log."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..checkpoints.channels import short_name

_KINDS = {'tensorboard': 'TensorboardVisBackend', 'wandb': 'WandbVisBackend'}


def add_backends(cfg: Any, names: Sequence[str]) -> None:
    """Let mmengine's visualizer write to them, too.

    Args:
        cfg: Changed in place; what it has of them already stays as it is.
        names: Of ``mmdcl.cli.flags.BACKENDS``.

    Raises:
        SystemExit: The package of one is not installed.
    """
    for name in names:
        spec = find_spec(name)
        if spec is None or spec.origin is None:  # a folder, such as ./wandb
            sys.exit(
                f'error: --log {name} needs {name}, which is not installed: '
                f'pip install {name}'
            )
    if not names:
        return
    visualizer = cfg.setdefault('visualizer', {})
    if not visualizer:
        cfg.visualizer = visualizer = dict(type='Visualizer')
    there = visualizer.get('vis_backends') or [dict(type='LocalVisBackend')]
    kinds = {short_name(backend.get('type')) for backend in there}
    new = [_backend(name, cfg) for name in names if _KINDS[name] not in kinds]
    cfg.visualizer.vis_backends = [*there, *new]


def _backend(name: str, cfg: Any) -> dict[str, Any]:
    if name != 'wandb':
        return dict(type=_KINDS[name])
    run = dict(project='mmdcl', name=Path(cfg.work_dir).name)
    return dict(type=_KINDS[name], init_kwargs=run)
