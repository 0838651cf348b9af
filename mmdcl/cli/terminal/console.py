"""What a run shows on the console: its card, lines, a bar, its results."""

import time
from datetime import timedelta
from typing import Any

from mmengine.dist import get_world_size, master_only
from mmengine.hooks import Hook, LoggerHook
from mmengine.logging import MMLogger
from mmengine.runner import EpochBasedTrainLoop, Runner

from ...engine.knn import KNNEvaluation
from ...report.runs.recipe import batch_size
from .card import card_of_test, card_of_training
from .layout import fold
from .quiet import Quiet, active


class QuietRunner(Runner):
    """Its logger is quiet from the start: the config is its first word."""

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        self.logger = super().build_logger(*args, **kwargs)
        quiet = active()
        if quiet is not None:
            quiet.take_over(self)
        return self.logger


class ConsoleHook(Hook):
    """Shows, on the first rank, what a user wants to see of a run.

    A line comes when upstream's ``LoggerHook`` writes one into the log file,
    with the same means.

    Args:
        quiet: Who keeps the console.
    """

    priority = 'LOW'  # after all that it shows is known

    def __init__(self, quiet: Quiet) -> None:
        self._quiet = quiet
        self._screen = quiet.screen
        self._logger = LoggerHook()
        self._found = ''  # by the last validation
        self._rank = ''  # by the last look of QualityHook
        self._trains = False

    @master_only
    def before_train(self, runner: Any) -> None:
        self._trains = True
        for hook in runner.hooks:
            if isinstance(hook, LoggerHook):
                self._logger = hook
        self._screen.show(card_of_training(runner, self._note()))
        self._screen.start(runner.max_iters, runner.iter)

    @master_only
    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        eta = runner.message_hub.runtime_info.get('eta')
        left = '' if eta is None else f'ETA {timedelta(seconds=int(eta))}'
        place = _place(runner, batch_idx)
        found = f'{left}  {self._found}'
        self._screen.move(runner.iter + 1, place, found)
        if self._due(runner, batch_idx):
            numbers, _ = runner.log_processor.get_log_after_iter(
                runner, batch_idx, 'train'
            )
            self._line(place, _numbers(runner, numbers, self._rank), found)

    def after_quality(self, runner: Any, record: dict) -> None:
        """``mmdcl.QualityHook`` has looked, on the first rank."""
        rank = record.get('features/rank_me')
        self._rank = '' if rank is None else f'rank {rank:.3g}'

    @master_only
    def before_val_epoch(self, runner: Any) -> None:
        self._screen.move(runner.iter, 'validation', now=True)

    @master_only
    def after_val_epoch(
        self, runner: Any, metrics: dict | None = None
    ) -> None:
        numbers = _only_numbers(metrics)
        if not self._trains or not numbers:
            return
        name, value = next(iter(numbers.items()))
        knn = isinstance(runner.val_loop, KNNEvaluation)
        name = 'kNN' if knn else name.rpartition('/')[2]
        self._found = f'{name} {value:.4g}'
        texts = [f'{name} {value:.4g}' for name, value in numbers.items()]
        kind = 'kNN' if knn else 'validation'
        self._line(_place(runner), f'{kind}: {", ".join(texts)}')

    @master_only
    def after_train(self, runner: Any) -> None:
        self._screen.stop()

    @master_only
    def before_test(self, runner: Any) -> None:
        if not self._trains:
            self._screen.show(card_of_test(runner, self._note()))

    def _due(self, runner: Any, batch_idx: int) -> bool:
        every, loader = self._logger.interval, runner.train_dataloader
        if self.every_n_inner_iters(batch_idx, every):
            return True
        last_too = not self._logger.ignore_last or len(loader) <= every
        return last_too and self.end_of_epoch(loader, batch_idx)

    def _line(self, *parts: str) -> None:
        now = time.strftime('%H:%M:%S')
        line = '  '.join(filter(None, [now, *(x.strip() for x in parts)]))
        self._screen.show(fold(line, indent=' ' * 10))

    def _note(self) -> str:
        others = self._quiet.others
        if not others:
            return 'with the config'
        return f'with the config and {others} messages of other packages'


def _place(runner: Any, batch_idx: int | None = None) -> str:
    """Where training is, in a width that stays the same."""
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        step = runner.iter + (batch_idx is not None)
        total = f'{runner.max_iters}'
        return f'iteration {step:{len(total)}}/{total}'
    step, total = runner.epoch + (batch_idx is not None), runner.max_epochs
    text = f'epoch {step:{len(str(total))}}/{total}'
    if batch_idx is None:
        return text
    batches = str(len(runner.train_dataloader))
    return f'{text}  {batch_idx + 1:{len(batches)}}/{batches}'


def _numbers(runner: Any, logged: dict, rank: str) -> str:
    """Loss, multiplier, rank and speed, as far as they were logged."""
    found = {key.removeprefix('train/'): x for key, x in logged.items()}
    parts = []
    for name, key in (('loss', 'loss'), ('q', 'npc_multiplier')):
        if key in found:
            parts.append(f'{name} {found[key]:.4f}')
    parts += [rank] if rank else []
    images = batch_size(runner.train_dataloader)
    if images and found.get('time'):
        speed = images * get_world_size() / found['time']
        digits = 0 if speed >= 10 else 1
        parts.append(f'{speed:,.{digits}f} images/s')
    return '  '.join(parts)


def _only_numbers(metrics: dict | None) -> dict[str, float]:
    return {
        name: value
        for name, value in (metrics or {}).items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
