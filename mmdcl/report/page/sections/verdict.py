"""The verdict in words, and the few numbers that stand above all others."""

from typing import TYPE_CHECKING, NamedTuple

from .... import verdicts
from ...runs.facts import accuracies, facts_of, images_a_second
from ...runs.words import duration, number, percent
from .section import Section, Source

if TYPE_CHECKING:
    from ...runs.folder import RunFolder


class Tile(NamedTuple):
    """A number, what it is, and what to hold it against."""

    label: str
    value: str
    beside: str


def verdict(source: Source) -> Section:
    run = source.run
    return Section(
        'verdict',
        'Verdict',
        content=dict(
            verdicts=verdicts.verdicts(facts_of(run)), tiles=tiles(run)
        ),
    )


def tiles(run: 'RunFolder') -> list[Tile]:
    """Accuracy, rank, q, time: those that were logged."""
    found = [
        Tile(
            f'{row["name"]} (%)',
            percent(row['last']),
            f'{percent(row["first"])} untrained' * row['untrained'],
        )
        for row in accuracies(run)[:2]
    ]
    rank, q = _last(run, 'features/rank_me'), _last(run, 'npc_multiplier')
    if rank is not None:
        width, rows = (_last(run, f'features/{x}') for x in ('width', 'rows'))
        least = min(width or 0, rows or 0)
        beside = f'of at most {number(round(least))}' if least else ''
        found.append(Tile('rank of the features', number(rank, 3), beside))
    if q is not None:
        began = number(run.series('npc_multiplier')[1][0], 3)
        found.append(Tile('q, mean', number(q, 3), f'{began} at first'))
    loss = run.series('loss')[1]
    if loss and len(found) < 4:
        began = f'{number(loss[0])} at first'
        found.append(Tile('loss', number(loss[-1]), began))
    if run.seconds:
        rate = images_a_second(run)
        beside = f'{rate:,.0f} images/s' if rate else ''
        found.append(Tile('training', duration(run.seconds), beside))
    return found


def _last(run: 'RunFolder', key: str) -> float | None:
    values = run.series(key)[1]
    return values[-1] if values else None
