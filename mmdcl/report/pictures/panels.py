"""What of a run's numbers is drawn, and in which order: by what matters."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..runs.facts import accuracy_keys, accuracy_name
from ..runs.folder import RunFolder
from ..runs.records import is_number

MOST = 400  # points of a line: a panel is about that many pixels wide


@dataclass(frozen=True)
class Line:
    """A series, by epochs or iterations as its run counts.

    Attributes:
        name: Within the panel; '' if it is the only one.
        xs: Where, ascending.
        ys: Values, finite.
        band: Where, lowest and highest; may be empty, and elsewhere.
    """

    name: str
    xs: list[float]
    ys: list[float]
    band: tuple[list[float], ...] = ([], [], [])


@dataclass(frozen=True)
class Panel:
    """One of a figure.

    Attributes:
        title: Above it.
        lines: Those of a run; none if it logged nothing of it.
        limits: Of the values, None for as far as they go.
        untrained: The first line's value at 0 is a reference for all of it.
    """

    title: str
    lines: Callable[[RunFolder], list[Line]]
    limits: tuple[float | None, float | None] = (None, None)
    untrained: bool = False


def panels(
    runs: Sequence[RunFolder],
) -> Iterator[tuple[Panel, list[list[Line]]]]:
    """Those in which some run has something to show, with lines of each."""
    every = [
        Panel('accuracy (%)', _accuracy, untrained=True),
        *_other_metrics(runs),
        Panel('loss', _logged({'loss': ''})),
        Panel('q, the negative-positive coupling', coupling, (0, 1)),
        Panel(
            'cosine',
            _logged(
                {
                    'pos_cosine': 'positives',
                    'neg_cosine': 'negatives',
                    'neighbor_cosine': 'neighbours',
                }
            ),
        ),
        Panel('rank (RankMe)', _both('rank_me'), (0, None)),
        Panel('alignment (lower is better)', _both('alignment'), (0, None)),
        Panel('uniformity (lower is better)', _both('uniformity')),
        Panel('spread (0: collapsed)', _both('spread'), (0, None)),
        Panel('norm of the gradient', _gradient, (0, None)),
        Panel('waiting for data (% of a step)', _waiting, (0, None)),
        Panel('neighbour of the same class (%)', _of('neighbor_accuracy')),
        Panel('age of the neighbour (steps)', _of('neighbor_age'), (0, None)),
        Panel('learning rate', _of('lr'), (0, None)),
    ]
    for panel in every:
        lines = [panel.lines(run) for run in runs]
        if any(lines):
            yield panel, lines


def coupling(run: RunFolder) -> list[Line]:
    """q: the mean that heads log, or else the median, and p10 to p90."""
    keys = ('coupling/q_p10', 'coupling/q_p90')
    between = [
        x for x in run.quality if all(is_number(x.get(k)) for k in keys)
    ]
    length = run.epoch_length or 1
    xs = [x['iter'] / length for x in between]
    band = (xs, *([x[key] for x in between] for key in keys))
    for name, key in (
        ('mean', 'npc_multiplier'),
        ('median', 'coupling/q_p50'),
    ):
        found = run.series(key)
        if found[0]:
            return [Line(name, *found, band)]
    return []


def axis(runs: Sequence[RunFolder]) -> tuple[str, list[float], float]:
    """How places are counted; iterations if some runs count these.

    Returns:
        The unit, what places of each run are multiplied by, and the last.
    """
    units = {run.unit for run in runs}
    factors = [1.0] * len(runs)
    unit = units.pop()
    if units:
        unit = 'iteration'
        factors = [run.epoch_length or 1.0 for run in runs]
    ends = [
        factor * max(run.series(key)[0], default=0)
        for run, factor in zip(runs, factors, strict=True)
        for key in ('loss', 'lr', 'quality', *run.metrics)
    ]
    return unit, factors, max(ends) or 1.0


def stretched(line: Line, factor: float) -> Line:
    """With its places multiplied."""
    xs, *band = line.band
    places = [[factor * x for x in places] for places in (line.xs, xs)]
    return Line(line.name, places[0], line.ys, (places[1], *band))


def thinned(line: Line) -> Line:
    """Means of so many neighbours that a panel can show, and their range."""
    step = -(-len(line.xs) // MOST)
    if step < 2:
        return line
    parts = [line.ys[i : i + step] for i in range(0, len(line.ys), step)]
    places = [line.xs[i : i + step] for i in range(0, len(line.xs), step)]
    xs = [sum(part) / len(part) for part in places]
    ys = [sum(part) / len(part) for part in parts]
    band = line.band
    if not band[0]:
        band = (xs, [min(part) for part in parts], [max(x) for x in parts])
    return Line(line.name, xs, ys, band)


def _logged(names: dict[str, str]) -> Callable[[RunFolder], list[Line]]:
    def lines(run: RunFolder) -> list[Line]:
        found = [Line(name, *run.series(key)) for key, name in names.items()]
        return [line for line in found if line.xs]

    return lines


def _of(key: str) -> Callable[[RunFolder], list[Line]]:
    return _logged({key: ''})


def _both(measure: str) -> Callable[[RunFolder], list[Line]]:
    places = ('features', 'projections')
    return _logged({f'{place}/{measure}': place for place in places})


def _accuracy(run: RunFolder) -> list[Line]:
    keys = accuracy_keys(run.validation)
    return _logged({key: accuracy_name(key) for key in keys})(run)


def _other_metrics(runs: Sequence[RunFolder]) -> list[Panel]:
    """Of validations that are no accuracies, by what is before the ``/``."""
    groups: dict[str, dict[str, str]] = {}
    for run in runs:
        accuracies = accuracy_keys(run.validation)
        for key in run.metrics:
            if key not in accuracies:
                group, _, name = key.rpartition('/')
                groups.setdefault(group or name, {})[key] = name
    return [Panel(group, _logged(x)) for group, x in groups.items()]


def _gradient(run: RunFolder) -> list[Line]:
    found = [run.series(x) for x in ('training/gradient_norm', 'grad_norm')]
    return [Line('', *x) for x in found if x[0]][:1]


def _waiting(run: RunFolder) -> list[Line]:
    """As measured, or of the times that upstream logs."""
    xs, ys = run.series('training/data_wait')
    if not xs:
        timed: list[dict[str, Any]] = [
            x
            for x in run.training
            if is_number(x.get('data_time'))
            and is_number(x.get('time'))
            and x['time'] > 0
        ]
        xs = [x['iter'] / (run.epoch_length or 1) for x in timed]
        ys = [min(x['data_time'] / x['time'], 1) for x in timed]
    return [Line('', xs, [100 * y for y in ys])] if xs else []
