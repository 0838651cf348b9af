"""Nobody waits in silence for a process that is stopped or hangs."""

import atexit
import multiprocessing
import sys
from typing import Any

from mmengine.dist import get_world_size
from mmengine.hooks import Hook

from ..errors import UserValueError
from ..registry import HOOKS
from .watch import Watch


def may_hang_at_fork(loader: Any) -> bool:
    """Whether this Python may deadlock as it forks a dataloader's workers."""
    old = sys.version_info < (3, 10, 15) or (
        (3, 11) <= sys.version_info < (3, 11, 10)
    )
    context = getattr(loader, 'multiprocessing_context', None)
    # Asked so that nothing is decided by the question.
    method = (context or multiprocessing).get_start_method(allow_none=True)
    workers = getattr(loader, 'num_workers', 0)
    return bool(old and workers and method in (None, 'fork'))


@HOOKS.register_module()
class HeartbeatHook(Hook):
    """End training when a rank is silent, and say which and since when.

    Without it the others wait for as long as their collective operations do
    (``env_cfg.dist_cfg.timeout``: half an hour by default on CPUs, ten
    minutes on GPUs) and then end with an error that names nobody. Each rank
    tells through the store of ``torch.distributed`` how far it has got; from
    a thread, but what it tells is what the main thread has done, so that a
    main thread which hangs is noticed as well as a process that is stopped
    or a host that is gone. All that is left then ends with exit code 1.

    Args:
        timeout: Seconds without a sign of life, or in one step of training.
            None or 0: nobody watches.
        patience: The same for what may take longer: start, first step (it may
            compile), validation, saving.
    """

    priority = 'VERY_HIGH'  # what comes after belongs to the next stage

    def __init__(
        self, timeout: float | None = 300, patience: float = 1800
    ) -> None:
        for name, value in (('timeout', timeout or 0), ('patience', patience)):
            number = isinstance(value, (int, float))
            if not number or isinstance(value, bool) or value < 0:
                raise UserValueError(
                    f'`{name}` must be a number of seconds, got {value!r}'
                )
        self.timeout = timeout
        self.patience = max(patience, timeout or 0)
        self._watch: Watch | None = None

    def before_train(self, runner) -> None:
        self._stop()
        if self.timeout and get_world_size() > 1:
            self._first = runner.iter
            self._watch = Watch(self.timeout, self.patience, runner.logger)
            atexit.register(self._stop)
            if may_hang_at_fork(runner.train_dataloader):
                version = '.'.join(map(str, sys.version_info[:3]))
                runner.logger.warning(
                    f'Python {version} may hang, very seldom, as it forks a '
                    'worker of the dataloader beside other threads '
                    '(cpython issue 112275): training then ends after '
                    f'{self.patience:g} s, and --resume goes on. Python '
                    '3.10.15, 3.11.10 and 3.12 have it mended'
                )

    def before_train_iter(self, runner, *args, **kwargs) -> None:
        first = self._watch and runner.iter == self._first
        self._at(runner, 'first step' if first else 'step', 1)

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        self._at(runner, 'between steps', 2)

    def after_train_epoch(self, runner) -> None:
        self._at(runner, 'end of the epoch')

    def before_val_epoch(self, runner) -> None:
        self._at(runner, 'validation')

    def after_bank_iter(self, runner, *args, **kwargs) -> None:
        self._at(runner, 'validation')

    def after_val_iter(self, runner, *args, **kwargs) -> None:
        self._at(runner, 'validation')

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        if self._watch:
            self._watch.at(self._watch.place, 'saving')

    def after_train(self, runner) -> None:
        self._stop()

    def _at(self, runner, stage: str, part: int = 0) -> None:
        if self._watch:
            self._watch.at(3 * runner.iter + part, stage)

    def _stop(self) -> None:
        if self._watch:
            self._watch.stop()
            self._watch = None
