"""From the first accuracy to the last, and where everything lies."""

import json
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from ..registry import HOOKS
from .curves import draw_curves


@HOOKS.register_module()
class ProgressHook(Hook):
    """Say at the end what training changed, and draw its curves.

    Writes ``curves.png`` (loss, multiplier and cosines, learning rate,
    accuracy) into the work_dir, and logs the first and last value of each
    validation metric and where checkpoint, log and plot lie.

    Args:
        val_before_train: Validate once before the first iteration, so that
            the starting point is known. Not repeated on resume.
    """

    priority = 'LOWEST'

    def __init__(self, val_before_train: bool = False) -> None:
        self.val_before_train = val_before_train
        self._unit = ''
        self._found: list[tuple[str, dict]] = []

    def before_train(self, runner) -> None:
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        self._unit = 'epoch' if by_epoch else 'iteration'
        if self.val_before_train and runner.iter == 0 and runner.val_loop:
            runner.logger.info('Validating before training ...')
            runner.val_loop.run()

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        if not self._unit:  # validation on its own: nothing progresses
            return
        now = runner.epoch if self._unit == 'epoch' else runner.iter
        self._found.append((f'{self._unit} {now}', metrics or {}))

    @master_only
    def after_train(self, runner) -> None:
        ends = [*self._found[:1], *self._found[1:][-1:]]
        lines = [
            f'{name}: '
            + ' -> '.join(
                f'{found[name]:.2f} ({when})' for when, found in ends
            )
            for name, value in (ends[-1][1] if ends else {}).items()
            if isinstance(value, (int, float))
        ]
        pointer = Path(runner.work_dir, 'last_checkpoint')
        if pointer.is_file():
            lines.append(f'checkpoint: {pointer.read_text()}')
        log = Path(runner.log_dir, f'{runner.timestamp}.log')
        lines.append(f'log:        {log}')
        scalars = Path(runner.log_dir, 'vis_data', 'scalars.json')
        if scalars.is_file():
            plot = Path(runner.work_dir, 'curves.png')
            records = map(json.loads, scalars.read_text().splitlines())
            draw_curves(list(records), plot, self._unit)
            lines.append(f'plot:       {plot}')
        runner.logger.info('Done.\n  ' + '\n  '.join(lines))
