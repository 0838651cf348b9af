"""From the first accuracy to the last, and where everything lies."""

import json
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from ..arguments import require_flag
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
        require_flag('val_before_train', val_before_train)
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
        records = _records(runner)
        before = [
            (f'{self._unit} {record["step"]}', record)
            for record in records
            if 'loss' not in record
        ]
        ends = [*(before or self._found)[:1], *self._found[-1:]]
        last_time, last = ends[-1] if ends else ('', {})
        first_time, first = ends[0] if ends else ('', {})
        lines = [
            f'{name}: '
            + (
                f'{first[name]:.2f} ({first_time}) -> '
                if name in first and first_time != last_time
                else ''
            )
            + f'{value:.2f} ({last_time})'
            for name, value in last.items()
            if isinstance(value, (int, float))
        ]
        pointer = Path(runner.work_dir, 'last_checkpoint')
        if pointer.is_file():
            lines.append(f'checkpoint: {pointer.read_text()}')
        log = Path(runner.log_dir, f'{runner.timestamp}.log')
        lines.append(f'log:        {log}')
        if records:
            plot = Path(runner.work_dir, 'curves.png')
            draw_curves(records, plot, self._unit)
            lines.append(f'plot:       {plot}')
        runner.logger.info('Done.\n  ' + '\n  '.join(lines))


def _records(runner) -> list[dict]:
    """What was logged, by what was resumed, too."""
    place = Path('vis_data', 'scalars.json')
    runs = [Path(runner.log_dir)]
    if runner._resume:  # else other runs of this work_dir are none of ours
        runs = sorted(x for x in Path(runner.work_dir).iterdir() if x.is_dir())
    found = {}
    for path in [run / place for run in runs if (run / place).is_file()]:
        for record in map(json.loads, path.read_text().splitlines()):
            found['loss' in record, record['step']] = record
    return [found[key] for key in sorted(found)]
