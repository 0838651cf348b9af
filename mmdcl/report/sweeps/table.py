"""The table of a sweep: a line for each setting, the best by validation."""

import statistics
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from .lines import AXES, Row, batch_of, grouped, label, on_axis

_HEADS = ('batch', 'lr', 'temperature')
_SEEDS = 3  # of which a mean is not one lucky seed


def setting(row: Row) -> tuple[Any, ...]:
    """What is chosen by validation: learning rate, temperature."""
    return row['lr_factor'], row.get('lr') or 0, row['temperature']


def best(
    rows: Sequence[Row], by: Callable[[Row], Hashable] = setting
) -> list[Row]:
    """Those of the setting that is best by mean validation.

    One that has fewer seeds than another, and fewer than three, is not
    compared: the best of many single runs is mostly luck.

    Args:
        rows: Of one config, with the same options.
        by: What a setting is.
    """
    found = grouped(rows, by).values()
    enough = min(_SEEDS, max(map(len, found)))
    known = [runs for runs in found if len(runs) >= enough]
    return max(known, key=lambda x: mean(x, 'val'))


def mean(rows: Sequence[Row], name: str) -> float:
    """Of a number over rows."""
    return statistics.mean(row[name] for row in rows)


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation of the sample, as text."""
    middle = f'{statistics.mean(values):.2f}'
    if len(values) == 1:
        return middle
    return f'{middle} ± {statistics.stdev(values):.2f}'


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table, with the rule below its head."""
    every = [head, ['---'] * len(head), *lines]
    return '\n'.join(f'| {" | ".join(line)} |' for line in every)


def table(rows: Sequence[Row]) -> str:
    """Markdown: mean and deviation over seeds, best settings in bold.

    The best is of each config, with its options, at a batch: learning rate
    and temperature are chosen by validation, and the test only told. Columns
    of what no run had set otherwise are left out.

    Args:
        rows: At least one.
    """
    tests = list(dict.fromkeys(t for row in rows for t in row['test']))
    shown = [
        len({on_axis(row, axis) for row in rows}) > 1 or axis == 'temperature'
        for axis in AXES
    ]
    axes = [x for x, there in zip(_HEADS, shown, strict=True) if there]
    head = ['config', *axes, 'seeds', 'validation', *tests]
    lines = _before(rows, len(axes), len(tests))
    for kind, same in grouped(rows, label).items():
        for _, at in sorted(
            grouped(same, batch_of).items(),
            key=lambda x: x[0] or 0,
        ):
            chosen = setting(best(at)[0])
            for here, runs in sorted(grouped(at, setting).items()):
                mark = '**' if here == chosen else ''
                values = (str(batch_of(at[0])), *_said(runs[0]))
                cells = [
                    x for x, there in zip(values, shown, strict=True) if there
                ]
                cells[-1] = f'{mark}{cells[-1]}{mark}'
                runs.sort(key=lambda x: x['seed'])
                lines.append(
                    [
                        kind,
                        *cells,
                        ', '.join(str(x['seed']) for x in runs),
                        spread([x['val'] for x in runs]),
                        *(tested(runs, test) for test in tests),
                    ]
                )
    return markdown(head, lines)


def _said(row: Row) -> tuple[str, str]:
    lr = row.get('lr')
    factor = f'x{row["lr_factor"]:g}'
    return f'{lr:g}' if lr else factor, f'{row["temperature"]:g}'


def tested(runs: Sequence[Row], name: str) -> str:
    """Of a test metric; how many runs have it, if some lack it."""
    values = [x['test'][name] for x in runs if name in x['test']]
    some = f' ({len(values)})' if len(values) < len(runs) else ''
    return f'{spread(values)}{some}' if values else ''


def _before(rows: Sequence[Row], axes: int, tests: int) -> list[list[str]]:
    """Validation of networks that have not been trained."""
    starts = {
        (row['seed'], row['val_start'])
        for row in rows
        if row.get('val_start') is not None
    }
    if not starts:
        return []
    seeds = ', '.join(map(str, sorted({seed for seed, _ in starts})))
    start = spread([value for _, value in starts])
    return [['before training', *[''] * axes, seeds, start, *[''] * tests]]
