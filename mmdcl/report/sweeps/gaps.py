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
class Gain:
    """Mean difference over seeds, in points.

    Attributes:
        mean: Of the loss minus InfoNCE, seed by seed.
        low: Of the 95 % interval (Student's t over seeds); None with one
            seed.
        high: Of it.
    """

    mean: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, values: Sequence[float]) -> 'Gain':
        from scipy.stats import t

        middle = statistics.mean(values)
        if len(values) == 1:
            return cls(middle)
        error = statistics.stdev(values) / math.sqrt(len(values))
        half = float(t.ppf(0.975, len(values) - 1)) * error
        return cls(middle, middle - half, middle + half)

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f'{self.mean:+.2f}'
        return f'{self.mean:+.2f} ({self.low:+.2f} to {self.high:+.2f})'


@dataclass(frozen=True)
class Gap:
    """A loss beside InfoNCE, with all settings but the loss the same.

    Attributes:
        algorithm: That both have.
        loss: Beside InfoNCE.
        batch: Images.
        lr_factor: Of the learning rate.
        temperature: Of both losses.
        options: Others that both have.
        seeds: That both have.
        val: Of validation.
        tests: Of each test metric that all have.
        coupling: ``1 - q`` of InfoNCE, mean over training and seeds.
        below: Share of training in which InfoNCE's q is below 0.3.
    """

    algorithm: str
    loss: str
    batch: int | None
    lr_factor: float
    temperature: float
    options: tuple[str, ...]
    seeds: tuple[int, ...]
    val: Gain
    tests: dict[str, Gain]
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
            *(x.algorithm, x.loss, x.options, x.batch or 0),
            *(x.lr_factor, x.temperature),
        ),
    )


def gap_table(found: Sequence[Gap]) -> str:
    """Markdown, a line a pair; options only where some run has any."""
    tests = list(dict.fromkeys(name for gap in found for name in gap.tests))
    options = any(gap.options for gap in found)
    head = ['algorithm', 'loss', *(['options'] if options else []), 'batch']
    head += ['lr', 'temperature', 'seeds', '1 - q', 'q < 0.3', 'validation']
    lines = [
        [
            *(gap.algorithm, gap.loss),
            *([' '.join(gap.options)] if options else []),
            *(str(gap.batch), f'x{gap.lr_factor:g}', f'{gap.temperature:g}'),
            ', '.join(map(str, gap.seeds)),
            '' if gap.coupling is None else f'{gap.coupling:.2f}',
            '' if gap.below is None else f'{100 * gap.below:.0f} %',
            str(gap.val),
            *(str(gap.tests.get(name, '')) for name in tests),
        ]
        for gap in found
    ]
    return markdown([*head, *tests], lines)


def _all_but_loss(row: Row) -> tuple[Any, ...]:
    """Options of the head go with the loss."""
    options = [x for x in row['options'] if not x.startswith('model.head.')]
    return (
        *(row['algorithm'], row.get('data'), row.get('epochs')),
        *(tuple(options), row.get('batch')),
        *(row['lr_factor'], row['temperature']),
    )


def _gap(
    loss: str, at: tuple[Any, ...], pairs: Sequence[tuple[Row, Row]]
) -> Gap:
    algorithm, _, _, options, batch, lr_factor, temperature = at
    names = [
        name
        for name in pairs[0][0]['test']
        if all(name in row['test'] for pair in pairs for row in pair)
    ]
    qs = [x for _, other in pairs for x in other.get('q') or []]
    return Gap(
        *(algorithm, loss, batch, lr_factor, temperature, options),
        seeds=tuple(run['seed'] for run, _ in pairs),
        val=Gain.of([run['val'] - other['val'] for run, other in pairs]),
        tests={
            name: Gain.of(
                [
                    run['test'][name] - other['test'][name]
                    for run, other in pairs
                ]
            )
            for name in names
        },
        coupling=1 - statistics.mean(qs) if qs else None,
        below=sum(q < LOW for q in qs) / len(qs) if qs else None,
    )
