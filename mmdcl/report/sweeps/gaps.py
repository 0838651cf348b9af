"""What a loss gains on InfoNCE, seed by seed, beside what coupling leaves."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .lines import Row, grouped
from .table import markdown

REFERENCE = 'InfoNCE'
LOW = 0.3  # q below which the gradient is mostly gone


@dataclass(frozen=True)
class Gap:
    """A loss beside InfoNCE, with all settings but the loss the same.

    Attributes:
        algorithm: That both have.
        loss: Beside InfoNCE.
        batch: Images.
        lr_factor: Of the learning rate.
        temperature: Of both losses.
        seeds: That both have.
        val: Mean difference of validation, in points.
        test: The same of the first test metric; None if it is not there.
        low: Of the 95 % interval of ``val`` (Student's t over seeds); None
            with one seed.
        high: Of it.
        coupling: ``1 - q`` of InfoNCE, mean over training and seeds.
        below: Share of training in which InfoNCE's q is below 0.3.
    """

    algorithm: str
    loss: str
    batch: int | None
    lr_factor: float
    temperature: float
    seeds: tuple[int, ...]
    val: float
    test: float | None
    low: float | None
    high: float | None
    coupling: float | None
    below: float | None


def gaps(rows: Sequence[Row]) -> list[Gap]:
    """All pairs of a loss with InfoNCE; none where there is no InfoNCE.

    Args:
        rows: Lines that name algorithm, loss and batch; others are left out.
    """
    found = []
    known = [x for x in rows if x.get('loss') and x.get('algorithm')]
    for at, same in grouped(known, _all_but_loss).items():
        losses = grouped(same, lambda x: x['loss'])
        reference = {x['seed']: x for x in losses.pop(REFERENCE, [])}
        for loss, runs in losses.items():
            pairs = [
                (run, reference[run['seed']])
                for run in sorted(runs, key=lambda x: x['seed'])
                if run['seed'] in reference
            ]
            if pairs:
                found.append(_gap(loss, at, pairs))
    return sorted(
        found,
        key=lambda x: (
            *(x.algorithm, x.loss, x.batch or 0),
            *(x.lr_factor, x.temperature),
        ),
    )


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % of the mean by Student's t; None of a single value."""
    from scipy.stats import t

    if len(values) < 2:
        return None
    half = t.ppf(0.975, len(values) - 1) * statistics.stdev(values)
    half /= math.sqrt(len(values))
    middle = statistics.mean(values)
    return middle - half, middle + half


def gap_table(found: Sequence[Gap]) -> str:
    """Markdown, a line a pair."""
    head = ['algorithm', 'loss', 'batch', 'lr', 'temperature', 'seeds']
    head += ['1 - q', 'q < 0.3', 'validation', '95 %', 'test']
    lines = []
    for gap in found:
        lines.append(
            [
                *(gap.algorithm, gap.loss, str(gap.batch)),
                *(f'x{gap.lr_factor:g}', f'{gap.temperature:g}'),
                ', '.join(map(str, gap.seeds)),
                '' if gap.coupling is None else f'{gap.coupling:.2f}',
                '' if gap.below is None else f'{100 * gap.below:.0f} %',
                f'{gap.val:+.2f}',
                ''
                if gap.low is None or gap.high is None
                else f'{gap.low:+.2f} to {gap.high:+.2f}',
                '' if gap.test is None else f'{gap.test:+.2f}',
            ]
        )
    return markdown(head, lines)


def _all_but_loss(row: Row) -> tuple[Any, ...]:
    """Options of the head go with the loss."""
    options = [x for x in row['options'] if not x.startswith('model.head.')]
    length = row.get('epochs')
    return (
        *(row['algorithm'], row.get('data'), tuple(options), length),
        *(row.get('batch'), row['lr_factor'], row['temperature']),
    )


def _gap(
    loss: str, at: tuple[Any, ...], pairs: Sequence[tuple[Row, Row]]
) -> Gap:
    val = [run['val'] - other['val'] for run, other in pairs]
    name = next(iter(pairs[0][0]['test']), None)
    tests = [
        run['test'][name] - other['test'][name]
        for run, other in pairs
        if name in run['test'] and name in other['test']
    ]
    qs = [x for _, other in pairs for x in other.get('q') or []]
    bounds = interval(val) or (None, None)
    return Gap(
        algorithm=at[0],
        loss=loss,
        batch=at[-3],
        lr_factor=at[-2],
        temperature=at[-1],
        seeds=tuple(run['seed'] for run, _ in pairs),
        val=statistics.mean(val),
        test=statistics.mean(tests) if tests else None,
        low=bounds[0],
        high=bounds[1],
        coupling=1 - statistics.mean(qs) if qs else None,
        below=sum(q < LOW for q in qs) / len(qs) if qs else None,
    )
