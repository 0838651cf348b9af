"""``--log tensorboard wandb mlflow``: where the numbers go beside the log."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..config_parts import short_name

_KINDS = {
    'tensorboard': 'TensorboardVisBackend',
    'wandb': 'WandbVisBackend',
    'mlflow': 'MLflowVisBackend',
}


def add_backends(cfg: Any, names: Sequence[str]) -> None:
    """Let mmengine's visualizer write to them, too.

    Args:
        cfg: Changed in place; what it has of them already stays as it is.
        names: Of ``mmdcl.cli.running_flags.BACKENDS``.

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
    kind, run = _KINDS[name], Path(cfg.work_dir).name
    if name == 'wandb':
        return dict(type=kind, init_kwargs=dict(project='mmdcl', name=run))
    if name == 'mlflow':
        place = Path(cfg.work_dir).absolute()
        server = os.environ.get('MLFLOW_TRACKING_URI')
        return dict(
            type=kind,
            exp_name='mmdcl',
            run_name=run,
            # Upstream's default is a folder, which MLflow takes no more.
            tracking_uri=server or f'sqlite:///{place}/mlflow.db',
            artifact_location=None if server else (place / 'mlflow').as_uri(),
            artifact_suffix=(),  # logs and configs are in the work_dir
        )
    return dict(type=kind)
