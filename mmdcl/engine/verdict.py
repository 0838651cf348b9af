"""Verdicts while a run trains: said once, with what to do about it."""

import json
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import EpochBasedTrainLoop

from ..registry import HOOKS
from ..verdicts import Facts, verdicts

_RECIPE = Path('vis_data', 'recipe.json')  # of mmdcl.ProgressHook
_FROM_RECIPE = ('loss', 'temperature', 'images', 'batch', 'negatives')
_FROM_RECIPE += ('classes', 'support_set', 'positives', 'schedule_end')
_LEAST_GAP = 10  # iterations between looks
_MOST = 100  # records of a kind; then every second one goes
_LOOKS = 2  # for which a verdict must hold


def _never_raises(method: Callable) -> Callable:
    """Of a hook: training goes on, without verdicts, whatever happens."""

    @wraps(method)
    def safe(self, runner, *args, **kwargs) -> None:
        if not self._on:
            return
        try:
            method(self, runner, *args, **kwargs)
        except Exception as error:  # whatever it is, training is worth more
            self._on = False
            runner.logger.warning(
                f'mmdcl.VerdictHook gives up, training goes on: {error!r}'
            )

    return safe


@HOOKS.register_module()
class VerdictHook(Hook):
    """Say what is wrong with a run while that can still be changed.

    Each verdict of :mod:`mmdcl.verdicts` that is not good is one line in the
    log, with its number and a remedy, once it has held for two looks. Looks
    are at the interval of upstream's ``LoggerHook``, of the first process.
    The hook changes nothing in the training and cannot stop it. After a
    resume it judges by what comes from then on.
    """

    priority = 'VERY_LOW'  # after whatever logs

    def __init__(self) -> None:
        self._on = False

    def before_train(self, runner) -> None:
        self._on = is_main_process()
        self._training: list[dict] = []
        self._quality: list[dict] = []
        self._validation: list[dict] = []
        self._held: Counter = Counter()
        self._said: set[str] = set()
        self._known: dict[str, Any] | None = None
        self._gap, self._last = _LEAST_GAP, runner.iter
        found = [x for x in runner.hooks if isinstance(x, LoggerHook)]
        self._interval = found[0].interval if found else 50

    @_never_raises
    def after_train_iter(
        self, runner, batch_idx: int, data_batch: Any = None, outputs=None
    ) -> None:
        due = self.every_n_inner_iters(batch_idx, self._interval)
        if not due:
            loader = runner.train_dataloader
            due = self.end_of_epoch(loader, batch_idx)
            due = due and len(loader) <= self._interval
        iteration = runner.iter + 1
        if due and iteration - self._last >= self._gap:
            self._look(runner, iteration)
            self._last = iteration

    @_never_raises
    def after_quality(self, runner, record: dict) -> None:
        self._quality = _kept([*self._quality, dict(record)])

    @_never_raises
    def after_val_epoch(self, runner, metrics: dict | None = None) -> None:
        step = runner.epoch if _by_epoch(runner) else runner.iter
        record = {**(metrics or {}), 'step': step}
        self._validation = _kept([*self._validation, record])

    def _look(self, runner, iteration: int) -> None:
        self._training.append(_training_record(runner, iteration))
        if len(self._training) >= _MOST:
            self._training = _kept(self._training)
            self._gap *= 2
        found = [x for x in verdicts(self._facts(runner)) if x.remedy]
        self._held = Counter({x.name: self._held[x.name] + 1 for x in found})
        for each in found:
            if self._held[each.name] < _LOOKS or each.name in self._said:
                continue
            self._said.add(each.name)
            runner.logger.warning(f'verdict: {each.words} {each.remedy}')

    def _facts(self, runner) -> Facts:
        if self._known is None:
            self._known = _recipe(runner)
        return Facts(
            training=self._training,
            quality=self._quality,
            validation=self._validation,
            unit='epoch' if _by_epoch(runner) else 'iteration',
            planned=runner.max_iters,
            **self._known,
        )


def _by_epoch(runner) -> bool:
    return isinstance(runner.train_loop, EpochBasedTrainLoop)


def _kept(records: list[dict]) -> list[dict]:
    return records[::2] if len(records) >= _MOST else records


def _training_record(runner, iteration: int) -> dict[str, float]:
    """As upstream logs it, which is averaged over its window."""
    window = runner.log_processor.window_size
    record: dict[str, float] = {
        name.removeprefix('train/'): float(history.mean(window))
        for name, history in runner.message_hub.log_scalars.items()
        if name.startswith('train/')
    }
    if _by_epoch(runner):
        record['epoch'] = runner.epoch + 1
    return {**record, 'iter': iteration, 'step': iteration}


def _recipe(runner) -> dict[str, Any]:
    """What the recipe of this run says; what it does not, is not known."""
    path = Path(runner.log_dir, _RECIPE)
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return {key: found.get(key) for key in _FROM_RECIPE}
