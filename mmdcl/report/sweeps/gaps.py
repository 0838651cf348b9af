"""What a loss gains on InfoNCE, seed by seed, beside what coupling leaves."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .lines import Row, grouped, label
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
        values: What the mean is of.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    values: tuple[float, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def of(cls, values: Sequence[float]) -> 'Gain':
        from scipy.stats import t

        middle = statistics.mean(values)
        if len(values) == 1:
            return cls(middle, values=tuple(values))
        error = statistics.stdev(values) / math.sqrt(len(values))
        half = float(t.ppf(0.975, len(values) - 1)) * error
        return cls(middle, middle - half, middle + half, tuple(values))

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f'{self.mean:+.2f}'
        return f'{self.mean:+.2f} ({self.low:+.2f} to {self.high:+.2f})'


@dataclass(frozen=True)
class Gap:
    """A config beside one of InfoNCE, all the same but the loss.

    Attributes:
        name: The config, with options.
        reference: That of InfoNCE.
        algorithm: That both have.
        loss: Of the former.
        recipe: All that both have, as eight letters.
        batch: Images.
        lr_factor: Of the learning rate.
        temperature: Of both losses.
        seeds: That both have.
        val: Of validation.
        tests: Of each test metric, over the seeds that have it.
        coupling: ``1 - q`` of InfoNCE, mean over training and seeds.
        below: Share of training in which InfoNCE's q is below 0.3.
    """

    name: str
    reference: str
    algorithm: str
    loss: str
    recipe: str
    batch: int | None
    lr_factor: float
    temperature: float
    seeds: tuple[int, ...]
    val: Gain
    tests: dict[str, Gain]
    coupling: float | None
    below: float | None


def gaps(rows: Sequence[Row]) -> list[Gap]:
    """All pairs with InfoNCE; none where there is no InfoNCE.

    Args:
        rows: Lines that say loss and recipe; others are left out.
    """
    found = []
    known = [x for x in rows if x.get('loss') and x.get('recipe')]
    for same in grouped(known, _all_but_loss).values():
        references = [x for x in same if x['loss'] == REFERENCE]
        by_seed = {x['seed']: x for x in references}
        others = [x for x in same if x['loss'] != REFERENCE]
        for runs in grouped(others, label).values():
            pairs = [
                (run, by_seed[run['seed']])
                for run in sorted(runs, key=lambda x: x['seed'])
                if run['seed'] in by_seed
            ]
            if pairs:
                found.append(_gap(pairs))
    return sorted(
        found,
        key=lambda x: (x.name, x.batch or 0, x.lr_factor, x.temperature),
    )


def gap_table(found: Sequence[Gap]) -> str:
    """Markdown, a line a pair, and one of all settings of two configs.

    The latter takes each pair of runs as one of a sample: the gain where
    settings are as they are in the sweep. Where some lack a test metric, it
    says how many have it.
    """
    tests = list(dict.fromkeys(name for gap in found for name in gap.tests))
    head = ['config', 'beside', 'batch', 'lr', 'temperature', 'seeds']
    head += ['1 - q', 'q < 0.3', 'validation']
    lines = []
    for (name, reference), same in grouped(
        found, lambda gap: (gap.name, gap.reference)
    ).items():
        for gap in same:
            lines.append(
                [
                    *(name, reference, str(gap.batch)),
                    *(f'x{gap.lr_factor:g}', f'{gap.temperature:g}'),
                    ', '.join(map(str, gap.seeds)),
                    '' if gap.coupling is None else f'{gap.coupling:.2f}',
                    '' if gap.below is None else f'{100 * gap.below:.0f} %',
                    str(gap.val),
                    *(_together([gap], test) for test in tests),
                ]
            )
        if len(same) > 1:
            pairs = f'{_pairs(same)} pairs'
            line = [name, reference, 'all', '', '', pairs, '', '']
            line += [_together(same, test) for test in (None, *tests)]
            lines.append(line)
    return markdown([*head, *tests], lines)


def _pairs(same: Sequence[Gap]) -> int:
    return sum(len(gap.seeds) for gap in same)


def _together(same: Sequence[Gap], test: str | None) -> str:
    """Gain of a test metric, or of validation; of how many, if of some."""
    gains = [gap.val if test is None else gap.tests.get(test) for gap in same]
    values = [x for gain in gains if gain for x in gain.values]
    if not values:
        return ''
    some = f', {len(values)} of them' if len(values) < _pairs(same) else ''
    return f'{Gain.of(values)}{some}'


def _all_but_loss(row: Row) -> tuple[Any, ...]:
    names = ('recipe', 'batch', 'lr_factor', 'temperature')
    return tuple(row.get(name) for name in names)


def _gap(pairs: Sequence[tuple[Row, Row]]) -> Gap:
    run, reference = pairs[0]
    names = dict.fromkeys(name for run, _ in pairs for name in run['test'])
    qs = [x for _, other in pairs for x in other.get('q') or []]
    return Gap(
        name=label(run),
        reference=label(reference),
        algorithm=run.get('algorithm') or '',
        loss=run['loss'],
        recipe=run['recipe'],
        batch=run.get('batch'),
        lr_factor=run['lr_factor'],
        temperature=run['temperature'],
        seeds=tuple(run['seed'] for run, _ in pairs),
        val=Gain.of([run['val'] - other['val'] for run, other in pairs]),
        tests={name: x for name in names if (x := _gain(pairs, name))},
        coupling=1 - statistics.mean(qs) if qs else None,
        below=sum(q < LOW for q in qs) / len(qs) if qs else None,
    )


def _gain(pairs: Sequence[tuple[Row, Row]], name: str) -> Gain | None:
    """Of a test metric, where both have it."""
    tests = [(run['test'], other['test']) for run, other in pairs]
    both = [x[name] - y[name] for x, y in tests if name in x and name in y]
    return Gain.of(both) if both else None
