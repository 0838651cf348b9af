"""How long a sweep takes."""

import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..report.runs.words import duration
from ..report.sweeps.lines import Row
from .sweep_run import Setting


class Clock:
    """How long what is left takes: trainings, and evaluations alone.

    Args:
        todo: All.
        rows: Of runs that are finished before, of which those of ``todo``
            are only evaluated.
        jobs: At a time.
    """

    def __init__(
        self, todo: list[Setting], rows: dict[Any, Row], jobs: int
    ) -> None:
        self._evaluated = {one for one in todo if one in rows}
        self._left = Counter(one in self._evaluated for one in todo)
        self._took: dict[bool, list[float]] = {True: [], False: []}
        self._before = [row['seconds'] for row in rows.values()]
        self._jobs = jobs

    @contextmanager
    def measured(self, one: Setting) -> Iterator[None]:
        start = time.time()
        kind = one in self._evaluated
        try:
            yield
            self._took[kind].append(time.time() - start)
        finally:
            self._left[kind] -= 1

    def left(self) -> str:
        """To stand behind what has finished."""
        seconds = sum(
            number * statistics.mean(self._took[kind] or self._before)
            for kind, number in self._left.items()
            if number
        )
        if not seconds:
            return ''
        return f'; about {duration(seconds / self._jobs)} left'


def say_cost(todo: list[Setting], rows: list[Row], jobs: int) -> None:
    """Of the runs that are to do, by those of the same batch if there are."""
    for one in todo:
        print(f'  {one.text()}')
    if todo and not rows:
        print('no run has finished yet, so how long they take is not known')
    elif todo:
        seconds = 0.0
        for one in todo:
            like = [x for x in rows if x['batch_size'] == one.batch_size]
            seconds += statistics.mean(x['seconds'] for x in like or rows)
        print(
            f'about {duration(seconds / jobs)}, {jobs} at a time, as the '
            f'{len(rows)} that are finished took'
        )
