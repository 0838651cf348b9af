"""Stop when the loss is no longer a number, before it costs a checkpoint."""

import math
from contextlib import suppress
from pathlib import Path

import torch
from mmengine.hooks import CheckpointHook, Hook

from ..arguments import require_whole
from ..checkpoints.newest import newest_good
from ..errors import UserFloatingPointError
from ..registry import HOOKS
from .model import model_of


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Stop at a NaN or infinite loss; never give up a good checkpoint for it.

    Losses are judged on their device and looked at every ``interval``
    iterations (at each one on a CPU). Before upstream's ``CheckpointHook``
    may remove an old checkpoint or write a new one, losses and weights are
    looked at. The message names the first bad iteration.

    Args:
        interval: Iterations between looks on an accelerator, where a look
            waits for the device.

    Raises:
        FloatingPointError: With the iteration, the epoch, the last good
            checkpoint and what usually helps.
    """

    priority = 'VERY_HIGH'

    def __init__(self, interval: int = 20) -> None:
        require_whole('interval', interval)
        self.interval = interval
        self._first_bad: torch.Tensor | None = None
        self._trained = self._looked_at = 0  # iterations of this process

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ) -> None:
        self._trained += 1
        loss = (outputs or {}).get('loss')
        if loss is not None and loss.device.type == 'cpu':
            if not math.isfinite(loss.item()):
                self._stop_at(runner, runner.iter + 1)
        elif loss is not None:
            loss = loss.detach()
            if self._first_bad is None:
                self._first_bad = loss.new_full((), -1, dtype=torch.long)
            now = torch.full_like(self._first_bad, runner.iter + 1)
            is_first = ~torch.isfinite(loss) & (self._first_bad < 0)
            self._first_bad = torch.where(is_first, now, self._first_bad)
            if self.every_n_train_iters(runner, self.interval):
                self._look_at_losses(runner)
        if any(
            isinstance(hook, CheckpointHook)
            and not hook.by_epoch
            and hook.every_n_train_iters(runner, hook.interval)
            for hook in runner.hooks
        ):
            self._look(runner)

    def after_train_epoch(self, runner) -> None:
        self._look(runner)

    def before_val_epoch(self, runner) -> None:
        self._look(runner)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        self._look(runner)

    def _look(self, runner) -> None:
        if self._looked_at == self._trained:  # or nothing is being trained
            return
        self._look_at_losses(runner)
        model = model_of(runner)
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                self._stop(runner, f'{name} is not finite')
        self._looked_at = self._trained

    def _look_at_losses(self, runner) -> None:
        if self._first_bad is not None and self._first_bad >= 0:
            self._stop_at(runner, int(self._first_bad))

    def _stop_at(self, runner, iteration: int) -> None:
        # For whoever looks at the log; it is not worth another error.
        with suppress(Exception):
            last = dict(loss=math.nan, epoch=runner.epoch + 1, iter=iteration)
            runner.visualizer.add_scalars(last, step=iteration)
        self._stop(runner, f'loss is NaN or infinite at iteration {iteration}')

    def _stop(self, runner, what: str) -> None:
        out_dir = None
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook) and hook.out_dir:
                out_dir = Path(hook.out_dir).parent  # the hook went into it
        last, passed = newest_good(runner.work_dir, out_dir=out_dir)
        known = 'none that can be read' if passed else 'none yet'
        known += '. Start again'
        if last is not None:
            known = (
                f'{last}. Resume from it by --resume {last} '
                '--resume-with-changes'
            )
        raise UserFloatingPointError(
            f'{what}; training stopped in epoch {runner.epoch + 1}, last good '
            f'checkpoint: {known}, with a lower learning rate, a longer '
            'warm-up, gradient clipping or without --amp'
        )
