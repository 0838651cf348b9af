"""How long a run was, in which unit, and whether it came to its end."""

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from .records import Record, Records, is_number


def setting(config: Any, *keys: str) -> Any:
    """What a config says at some depth; None if it says nothing."""
    for key in keys:
        config = config.get(key) if hasattr(config, 'get') else None
    return config


def unit_of(
    config: Any, recipe: dict[str, Any], parts: Sequence[Records]
) -> str:
    """Of ``step`` in validation: ``epoch`` or ``iteration``."""
    if recipe.get('unit') in ('epoch', 'iteration'):
        return str(recipe['unit'])
    if is_number(setting(config, 'train_cfg', 'max_epochs')):
        return 'epoch'
    if is_number(setting(config, 'train_cfg', 'max_iters')):
        return 'iteration'
    return next(filter(None, (x.unit() for x in parts)), 'epoch')


def epoch_length(records: Records, recipe: dict[str, Any]) -> float | None:
    """Iterations; of runs that do not say it, from the log."""
    if is_number(recipe.get('epoch_length')):
        return float(recipe['epoch_length'])
    for record in reversed(records.quality):
        if is_number(record.get('epoch')) and record['epoch'] > 0:
            return float(record['iter'] / record['epoch'])
    # An epoch has at least so many, and this is exact if its end is logged.
    lengths = [
        math.ceil(x['iter'] / x['epoch'])
        for x in records.training
        if is_number(x.get('epoch')) and x['epoch'] > 0
    ]
    return max(lengths, default=None)


def is_finished(
    records: Records,
    recipe: dict[str, Any],
    config: Any,
    unit: str,
    folder: Path | None,
) -> bool:
    """Whether training reached what was planned, by any sign of it."""
    if recipe.get('finished') is True:
        return True
    done = records.training[-1]['iter'] if records.training else 0
    planned = recipe.get('planned')
    if is_number(planned) and done >= planned:
        return True
    in_epochs = unit == 'epoch'
    key = 'max_epochs' if in_epochs else 'max_iters'
    last = setting(config, 'train_cfg', key)
    if not is_number(last):
        return False
    validated = records.validation[-1]['step'] if records.validation else 0
    name = f'{"epoch" if in_epochs else "iter"}_{last}.pth'
    saved = folder is not None and folder.joinpath(name).is_file()
    return saved or max(validated, 0 if in_epochs else done) >= last


def started(
    used: Sequence[tuple[Path, Records]], joined: Records
) -> datetime | None:
    """When the first process began of those whose records count."""
    kept = {id(x) for x in (*joined.training, *joined.validation)}
    for log, part in used:
        if any(id(x) in kept for x in (*part.training, *part.validation)):
            try:
                stamp = log.resolve().parent.parent.name
                return datetime.strptime(stamp, '%Y%m%d_%H%M%S')
            except ValueError:
                return None
    return None


def seconds(training: Sequence[Record]) -> float | None:
    """Of all iterations together; each record has the mean since the last."""
    timed = [x for x in training if is_number(x.get('time'))]
    if not timed:
        return None
    begin = [{'iter': 0}, *timed]
    return sum(x['time'] * (x['iter'] - y['iter']) for y, x in pairwise(begin))
