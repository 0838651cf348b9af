"""Checkpoints that an interruption cannot destroy."""

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook

from ..registry import HOOKS

_BACKEND = 'mmdcl.atomic'
_PARTIAL = '.partial'


class _AtomicBackend(LocalBackend):
    """A file is there as a whole or not at all; removals wait."""

    def __init__(self) -> None:
        self._outdated: list[str] = []

    def put(self, obj: bytes, filepath: str | Path) -> None:
        partial = Path(f'{filepath}{_PARTIAL}')
        partial.parent.mkdir(parents=True, exist_ok=True)
        with partial.open('wb') as file:
            file.write(obj)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(filepath)

    def remove(self, filepath: str | Path) -> None:
        self._outdated.append(str(filepath))

    def remove_outdated(self) -> None:
        while self._outdated:
            Path(self._outdated.pop()).unlink(missing_ok=True)


register_backend(_BACKEND, _AtomicBackend)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """Upstream's ``CheckpointHook``, safe against being killed at any time.

    Upstream removes the old checkpoint, writes the new one in place, then
    points ``last_checkpoint`` to it: killed in between, with
    ``max_keep_ckpts=1`` there is none left. Here the new one is written
    beside (``*.partial``), renamed when complete, and the old one removed at
    the very end. Room for one more checkpoint is needed. The pointer itself
    is upstream's; should it be lost, ``tools/train.py --resume`` finds the
    newest checkpoint. ``FlexibleRunner`` writes files itself, in place.

    Args:
        **kwargs: As in upstream's. With ``backend_args`` or
            ``file_client_args``, or an ``out_dir`` that is not a local
            folder, that storage is used as upstream does.
    """

    def __init__(self, **kwargs) -> None:
        remote = '://' in str(kwargs.get('out_dir') or '')
        if not (
            remote
            or kwargs.get('backend_args')
            or kwargs.get('file_client_args')
        ):
            kwargs['backend_args'] = dict(backend=_BACKEND)
        super().__init__(**kwargs)

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        super().after_train_iter(runner, *args, **kwargs)
        self._remove_outdated()

    def after_train_epoch(self, runner) -> None:
        super().after_train_epoch(runner)
        self._remove_outdated()

    def after_val_epoch(self, runner, metrics: dict) -> None:
        super().after_val_epoch(runner, metrics)
        self._remove_outdated()

    def _remove_outdated(self) -> None:
        backend = getattr(self, 'file_backend', None)  # none outside training
        if isinstance(backend, _AtomicBackend):
            backend.remove_outdated()
