"""Lines of a log, by kind, in order, of a run that was resumed joined."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

RECIPE = 'recipe.json'  # beside the log
Record = dict[str, Any]


def is_number(value: Any) -> bool:
    """Finite, and no flag."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return abs(value) < 1e300  # also of integers that no float holds


def read_lines(path: Path) -> list[Record]:
    """The JSON objects in a file, one a line; nothing if there is no file.

    What is none is left out: a process that is killed leaves half a line.
    """
    if not path.is_file():
        return []
    found = []
    with path.open(encoding='utf-8', errors='replace') as file:
        for line in file:
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                found.append(record)
    return found


def read_object(path: Path) -> Record:
    """The JSON object that a file is; empty if it is none."""
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@dataclass
class Records:
    """What one process logged, or several that resumed each other.

    Attributes:
        training: With ``loss`` or ``lr``, and ``iter``.
        quality: Of ``mmdcl.QualityHook``, with ``quality`` and ``iter``.
        validation: The others, with ``step``.
        histograms: Lines of ``quality.json``, with ``iter``.
        begin: Iterations and epochs that were done before, if that is known.
    """

    training: list[Record] = field(default_factory=list)
    quality: list[Record] = field(default_factory=list)
    validation: list[Record] = field(default_factory=list)
    histograms: list[Record] = field(default_factory=list)
    begin: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return bool(self.training or self.quality or self.validation)

    @classmethod
    def of(cls, log: Path) -> 'Records':
        """Those of a ``scalars.json``, and of ``quality.json`` beside it."""
        found = cls()
        for record in read_lines(log):
            if 'quality' in record:
                kind, place = found.quality, 'iter'
            elif 'loss' in record or {'lr', 'iter'} <= record.keys():
                kind, place = found.training, 'iter'
            else:
                kind, place = found.validation, 'step'
            if is_number(record.get(place)):
                kind.append(record)
        lines = read_lines(log.with_name('quality.json'))
        found.histograms += [x for x in lines if is_number(x.get('iter'))]
        recipe = read_object(log.with_name(RECIPE))
        begin = tuple(recipe.get(x) for x in ('begin', 'begin_epoch'))
        if all(map(is_number, begin)):
            found.begin = begin
        return found

    def unit(self) -> str:
        """Of ``step`` in validation, guessed by its size; '' without any."""
        epochs = _numbers(self.training, 'epoch')
        if self.training and not epochs:
            return 'iteration'
        steps = _numbers(self.validation, 'step')
        if not epochs or not steps:
            return ''
        return 'epoch' if max(steps) <= max(epochs) else 'iteration'


def join(parts: Sequence[Records], unit: str) -> Records:
    """One run out of what was logged, oldest first.

    A process goes on from a checkpoint, or starts afresh: what was logged
    before and lies after that point never led to anything.
    """
    joined = Records()
    for part in filter(None, parts):
        done, validated = _done_before(part, unit)
        joined = Records(
            [x for x in joined.training if x['iter'] <= done],
            [x for x in joined.quality if x['iter'] <= done],
            [x for x in joined.validation if x['step'] <= validated],
            [x for x in joined.histograms if x['iter'] <= done],
        )
        joined.training += part.training
        joined.quality += part.quality
        joined.validation += part.validation
        joined.histograms += part.histograms
    return Records(
        _sorted(joined.training, 'iter'),
        _sorted(joined.quality, 'iter'),
        _sorted(joined.validation, 'step'),
        _sorted(joined.histograms, 'iter'),
    )


def _done_before(part: Records, unit: str) -> tuple[float, float]:
    """Iterations before a process began, and the last ``step`` of then."""
    if part.begin is not None:
        done, epochs = part.begin
        if not done:
            return -1, -1
        return done, done if unit == 'iteration' else epochs
    first = min(_numbers([*part.training, *part.quality], 'iter'), default=0)
    if not first:  # nothing but a validation, before training or resumed
        step = part.validation[0]['step']
        return math.inf if step else -1, step - 1
    places = _numbers(part.training, 'iter')
    first -= min((y - x for x, y in pairwise(places) if y > x), default=1)
    if unit == 'iteration':
        return first, first
    epochs = _numbers(part.training, 'epoch')
    epochs = epochs or [
        math.floor(x) + 1 for x in _numbers(part.quality, 'epoch')
    ]
    return first, min(epochs, default=1) - 1


def _numbers(records: list[Record], key: str) -> list[float]:
    return [x[key] for x in records if is_number(x.get(key))]


def _sorted(records: list[Record], by: str) -> list[Record]:
    """Of several with one number, the one that was written last."""
    found = {record[by]: record for record in records}
    return [found[place] for place in sorted(found)]
