"""Stop when the loss is no longer a number, before it costs a checkpoint."""

import torch
from mmengine.hooks import Hook
from mmengine.runner import find_latest_checkpoint

from ..registry import HOOKS


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Stop at a NaN or infinite loss; never overwrite a good checkpoint.

    Losses are judged on their device and looked at every ``interval``
    iterations (at each one on a CPU), and before any checkpoint is written,
    where weights are looked at too. The message names the first bad iteration.

    Args:
        interval: Iterations between looks on an accelerator, where a look
            waits for the device.

    Raises:
        FloatingPointError: With the iteration, the epoch, the last good
            checkpoint and what usually helps.
    """

    priority = 'VERY_HIGH'

    def __init__(self, interval: int = 20) -> None:
        self.interval = interval
        self._first_bad: torch.Tensor | None = None

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ) -> None:
        loss = (outputs or {}).get('loss')
        if loss is None:
            return
        loss = loss.detach()
        if self._first_bad is None:
            self._first_bad = loss.new_full((), -1, dtype=torch.long)
        now = torch.full_like(self._first_bad, runner.iter + 1)
        is_first = ~torch.isfinite(loss) & (self._first_bad < 0)
        self._first_bad = torch.where(is_first, now, self._first_bad)
        if loss.device.type == 'cpu' or (
            self.every_n_train_iters(runner, self.interval)
        ):
            self._stop_if_bad(runner)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        self._stop_if_bad(runner)
        for name, tensor in checkpoint['state_dict'].items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                self._stop(runner, f'{name} is not finite')

    def _stop_if_bad(self, runner) -> None:
        if self._first_bad is not None and self._first_bad >= 0:
            self._stop(
                runner,
                f'loss is NaN or infinite at iteration {int(self._first_bad)}',
            )

    def _stop(self, runner, what: str) -> None:
        last = find_latest_checkpoint(runner.work_dir)
        raise FloatingPointError(
            f'{what}; training stopped in epoch {runner.epoch + 1}, last good '
            'checkpoint: '
            + (f'{last}. Resume from it by --resume' if last else 'none yet')
            + ', with a lower learning rate, a longer warm-up, gradient '
            'clipping or without --amp'
        )
