"""Checkpoints that an interruption cannot destroy."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook

from ..arguments import require_flag, require_whole
from ..checkpoints.room import existing, free_text, size_text
from ..errors import UserOSError
from ..registry import HOOKS
from .agreement import agree
from .checkpoint_size import checkpoint_bytes, log_window

_BACKEND = 'mmdcl.atomic'
_PARTIAL = '.partial'


class _AtomicBackend(LocalBackend):
    """A file is there as a whole or not at all; removals wait."""

    def __init__(self) -> None:
        self._outdated: list[str] = []

    def put(self, obj: bytes, filepath: str | Path) -> None:
        partial = Path(f'{filepath}{_PARTIAL}')
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            with partial.open('wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(filepath)
        except OSError as error:
            _remove(partial)
            raise _cannot_save(filepath, len(obj), error) from error
        except BaseException:
            _remove(partial)
            raise

    def remove(self, filepath: str | Path) -> None:
        self._outdated.append(str(filepath))

    def remove_outdated(self) -> None:
        while self._outdated:
            Path(self._outdated.pop()).unlink(missing_ok=True)


register_backend(_BACKEND, _AtomicBackend)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _cannot_save(path: str | Path, need: int, error: OSError) -> UserOSError:
    return UserOSError(
        f'cannot save {path}: {error.strerror or error}; it needs '
        f'{size_text(need)}{free_text(Path(path).parent)}. Checkpoints that '
        'were saved before are whole: make room and go on by --resume'
    )


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """Upstream's ``CheckpointHook``, safe against being killed at any time.

    Upstream removes the old checkpoint, writes the new one in place, then
    points ``last_checkpoint`` to it: killed in between, with
    ``max_keep_ckpts=1`` there is none left. Here the new one is written
    beside (``*.partial``), renamed when complete, and the old one removed at
    the very end. Room for one more checkpoint is needed; it is looked for
    before the first step. Should the pointer be lost, ``tools/train.py
    --resume`` finds the newest checkpoint. ``FlexibleRunner`` writes files
    itself, in place.

    The history of logged values, which upstream keeps and saves as a whole,
    is cut to what the log processor averages over, so that checkpoints do
    not grow.

    Args:
        **kwargs: As in upstream's. With ``backend_args`` or
            ``file_client_args``, or an ``out_dir`` that is not a local
            folder, that storage is used as upstream does.

    Raises:
        OSError: A checkpoint cannot be saved. The message names the path,
            what it needs and what is free.
        ValueError: Before training: there is no room for one.
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
        for name in ('interval', 'max_keep_ckpts'):
            require_whole(name, getattr(self, name), least=-1)
        for name in ('by_epoch', 'save_last', 'save_optimizer'):
            require_flag(name, getattr(self, name))
        self._bounded: set[str] = set()

    def before_train(self, runner) -> None:
        super().before_train(runner)
        self._bounded.clear()
        if not isinstance(self.file_backend, _AtomicBackend):
            return
        problem = ''
        if is_main_process():
            for left in Path(self.out_dir).glob(f'*.pth{_PARTIAL}'):
                _remove(left)  # of a process that was killed
            problem = self._missing_room(runner)
        agree(problem)

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        for name, history in runner.message_hub.log_scalars.items():
            if name not in self._bounded:
                self._bounded.add(name)
                window = log_window(runner, name) or history.max_length
                history.max_length = min(history.max_length, window)
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

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        except OSError as error:
            if error.strerror is None:  # explained already
                raise
            pointer = Path(runner.work_dir, 'last_checkpoint')
            raise _cannot_save(
                error.filename or pointer, len(str(self.last_ckpt)), error
            ) from error

    def _missing_room(self, runner) -> str:
        need = checkpoint_bytes(runner, self.save_optimizer)
        folder = existing(self.out_dir)
        free = shutil.disk_usage(folder).free
        size = f'a checkpoint needs about {size_text(need)}'
        if free < need:
            return (
                f'{size}, and {size_text(free)} are free at {folder}: make '
                'room, or choose another --work-dir'
            )
        saves = self._saves_left(runner)
        if self.max_keep_ckpts > 0:
            saves = min(saves, self.max_keep_ckpts + 1)
            saves -= len(self.keep_ckpt_ids)
        if free < saves * need:
            runner.logger.warning(
                f'{size}; {saves} of them will be there at a time, which is '
                f'more than the {size_text(free)} that are free at {folder}. '
                '`max_keep_ckpts` and `interval` of the checkpoint hook make '
                'it fewer'
            )
        return ''

    def _saves_left(self, runner) -> int:
        loop = runner.train_loop
        done, last = (
            (loop.epoch, loop.max_epochs)
            if self.by_epoch
            else (loop.iter, loop.max_iters)
        )
        regular = 0 if self.interval < 1 else (last - done) // self.interval
        return max(regular, int(self.save_last and done < last))
