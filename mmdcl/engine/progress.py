"""From the first accuracy to the last, and where everything lies."""

import json
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook

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
        self._training = False
        self._first: dict = {}
        self._last: dict = {}

    def before_train(self, runner) -> None:
        self._training = True
        if self.val_before_train and runner.iter == 0 and runner.val_loop:
            runner.logger.info('Validating before training ...')
            runner.val_loop.run()

    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        if not self._training:
            return
        self._last = {'epoch': runner.epoch, **(metrics or {})}
        self._first = self._first or self._last

    @master_only
    def after_train(self, runner) -> None:
        ends = [self._first, self._last]
        if self._first.get('epoch') == self._last.get('epoch'):
            ends.pop()
        lines = [
            f'{name}: '
            + ' -> '.join(f'{e[name]:.2f} (epoch {e["epoch"]})' for e in ends)
            for name in self._last
            if name != 'epoch'
        ]
        pointer = Path(runner.work_dir, 'last_checkpoint')
        if pointer.is_file():
            lines.append(f'checkpoint: {pointer.read_text()}')
        log = Path(runner.log_dir, f'{runner.timestamp}.log')
        lines.append(f'log:        {log}')
        scalars = Path(runner.log_dir, 'vis_data', 'scalars.json')
        if scalars.is_file():
            plot = Path(runner.work_dir, 'curves.png')
            lines_of_log = scalars.read_text().splitlines()
            draw_curves([json.loads(line) for line in lines_of_log], plot)
            lines.append(f'plot:       {plot}')
        runner.logger.info('Done.\n  ' + '\n  '.join(lines))
