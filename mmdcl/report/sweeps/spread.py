"""The best that each loss reaches, and how much it asks of its settings."""

import statistics
from collections.abc import Sequence
from typing import Any

from .lines import AXES, Row, batch_of, grouped, label, on_axis
from .table import best, markdown, setting, spread, tested

_SAID = dict(batch_size='batch', lr_factor='lr', temperature='temperature')


def spread_table(rows: Sequence[Row]) -> str | None:
    """Markdown, a line a config: best of its grid, spread over each axis.

    The best is of all batches, learning rates and temperatures, by mean
    validation over seeds. A spread is the largest minus the smallest mean of
    the first test metric (of validation, where a run lacks it), over the
    seeds that all of them have, while nothing but one axis changes: of what
    was run at the most values of it, the mean where several settings were run
    at the same ones. It says over which; compare those of the same ones only.

    Args:
        rows: At least one.

    Returns:
        None if no config was run at two settings.
    """
    swept = [
        axis for axis in AXES if len({on_axis(row, axis) for row in rows}) > 1
    ]
    tests = list(dict.fromkeys(t for row in rows for t in row['test']))
    lines, moves = [], False
    for kind, same in grouped(rows, label).items():
        runs = best(same, _setting)
        ranges = [_range(same, axis, tests) for axis in swept]
        moves |= any(ranges)
        lines.append(
            [
                kind,
                *(_said(on_axis(runs[0], axis), axis) for axis in swept),
                str(len(runs)),
                spread([x['val'] for x in runs]),
                *(tested(runs, test) for test in tests),
                *ranges,
            ]
        )
    if not moves:
        return None
    head = ['config', *(f'best {_SAID[axis]}' for axis in swept), 'seeds']
    head += ['validation', *tests]
    head += [f'spread over {_SAID[axis]}' for axis in swept]
    return markdown(head, lines)


def _setting(row: Row) -> tuple[Any, ...]:
    return batch_of(row), *setting(row)


def _said(value: float, axis: str) -> str:
    if axis == 'batch_size':
        return str(value)
    return ('x' if axis == 'lr_factor' else '') + f'{value:g}'


def _range(same: Sequence[Row], axis: str, tests: Sequence[str]) -> str:
    """Of one config; empty if it has one value of the axis alone."""
    others = [name for name in AXES if name != axis]

    def fixed(row: Row) -> tuple[Any, ...]:
        return tuple(on_axis(row, name) for name in others)

    same = [row for row in same if on_axis(row, axis) is not None]
    told = bool(tests) and all(tests[0] in row['test'] for row in same)
    grids = [
        list(grouped(at, lambda x: on_axis(x, axis)).values())
        for at in grouped(same, fixed).values()
    ]
    most = max(map(len, grids), default=1)
    if most == 1:
        return ''
    found: dict[tuple[float, ...], list[float]] = {}
    for values in (x for x in grids if len(x) == most):
        seeds = [{x['seed'] for x in runs} for runs in values]
        shared = set.intersection(*seeds) or set.union(*seeds)
        means = [
            statistics.mean(
                x['test'][tests[0]] if told else x['val']
                for x in runs
                if x['seed'] in shared
            )
            for runs in values
        ]
        over = tuple(sorted(on_axis(runs[0], axis) for runs in values))
        found.setdefault(over, []).append(max(means) - min(means))
    return ', '.join(
        f'{statistics.mean(ranges):.2f} ({_said(over[0], axis)} to '
        f'{_said(over[-1], axis)})'
        for over, ranges in sorted(found.items())
    )
