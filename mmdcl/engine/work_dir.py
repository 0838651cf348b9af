"""A folder for one run alone, and the same checkpoint on all ranks."""

import os
import time

from mmengine.dist import (
    all_gather_object,
    broadcast_object_list,
    get_world_size,
    is_main_process,
)
from mmengine.hooks import Hook

from ..errors import UserValueError
from ..registry import HOOKS
from . import lock
from .agreement import agree


@HOOKS.register_module()
class WorkDirHook(Hook):
    """One training in a work_dir, and all ranks resume the same checkpoint.

    The first process holds the folder (``.running`` says who) from the start
    of training to the end of its run. A lock whose process is dead is taken
    over, with a word in the log.

    Raises:
        ValueError: Another training runs there, or a rank does not find the
            checkpoint that the first one resumes.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._next_sign = 0.0

    def before_run(self, runner) -> None:
        if get_world_size() == 1:
            return
        chosen = [runner._load_from, runner._resume]
        broadcast_object_list(chosen)
        path, _ = runner._load_from, runner._resume = chosen
        local = path and '://' not in path
        seen = all_gather_object(not local or os.path.exists(path))
        if not all(seen):
            missing = [rank for rank, there in enumerate(seen) if not there]
            raise UserValueError(
                f'there is no {path} on ranks {missing}: all hosts must share '
                'the folder, and see the same in it'
            )

    def before_train(self, runner) -> None:
        problem = ''
        if is_main_process():
            try:
                took_over = lock.hold(runner.work_dir)
            except OSError as error:
                problem = str(error)
            else:
                if took_over:
                    runner.logger.warning(took_over)
        agree(problem)

    def _after_iter(self, runner, *args, **kwargs) -> None:
        if time.monotonic() > self._next_sign:
            self._next_sign = time.monotonic() + 60
            lock.keep_alive()

    def after_run(self, runner) -> None:
        lock.release()
