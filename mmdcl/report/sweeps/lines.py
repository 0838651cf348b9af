"""Lines of ``runs.jsonl``, a run each, and what tells runs apart."""

import json
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ...errors import UserValueError

Row = dict[str, Any]
T = TypeVar('T')
# What was set of a run, beside its seed; lines of older sweeps have less.
AXES = ('batch_size', 'lr_factor', 'temperature')
_DEFAULTS = dict(batch_size=None, lr_factor=1.0)


def read_rows(book: Path, mend: bool = True) -> list[Row]:
    """What is finished, in the order it was; of a run the last line.

    A last line that was cut off is not finished.

    Args:
        book: ``runs.jsonl``; it may not be there.
        mend: Take what was cut off from the file.

    Raises:
        UserValueError: A line is none of a sweep.
    """
    text = book.read_text() if book.is_file() else ''
    lines = text.splitlines()
    rows, whole = {}, []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
            if number == len(lines) and line.startswith('{'):
                print(f'{book}:{number} was cut off; that run is repeated')
                continue
        needed = {'config', 'temperature', 'seed', 'val', 'test'}
        if not isinstance(row, dict) or not needed <= row.keys():
            raise UserValueError(
                f'{book}:{number} is no line of `mmdcl sweep`; give another '
                '--out'
            )
        whole.append(line)
        row = dict(_DEFAULTS, options=[]) | row
        rows[key(row)] = row
    if mend and len(whole) < len(lines):
        book.write_text(''.join(f'{line}\n' for line in whole))
    return list(rows.values())


def key(row: Row) -> tuple[Hashable, ...]:
    """The same for the same run only."""
    axes = (row[name] for name in AXES)
    return (row['config'], tuple(row['options']), *axes, row['seed'])


def label(row: Row) -> str:
    """Config and options, as a reader of the table knows a run's kind."""
    return ' '.join([Path(row['config']).stem, *row['options']])


def batch_of(row: Row) -> int | None:
    """Images of a batch, of all processes; None in lines of older sweeps."""
    return row.get('batch') or row['batch_size']


def on_axis(row: Row, axis: str) -> Any:
    """Where a run is on one of ``AXES``, however its batch was set."""
    return batch_of(row) if axis == 'batch_size' else row[axis]


def grouped(
    rows: Sequence[T], by: Callable[[T], Hashable]
) -> dict[Any, list[T]]:
    """Rows by what a function says of them, in the order of the first."""
    found: dict[Any, list[T]] = {}
    for row in rows:
        found.setdefault(by(row), []).append(row)
    return found
