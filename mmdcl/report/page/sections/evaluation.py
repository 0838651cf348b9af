"""What ``mmdcl evaluate`` found, as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...runs.words import number
from .section import Section, Source

_MOST = 200  # rows
_COLUMNS = {
    'run': 'run',
    'checkpoint': 'checkpoint',
    'protocol': 'protocol',
    'dataset': 'dataset',
    'weights': 'weights',
    'config': 'config',
    'fraction': 'share of labels',
    'seed': 'seed',
    'options': 'options',
    'metrics': 'result',
    'machine': 'machine',
    'commit': 'commit',
}


def evaluation(source: Source) -> Section:
    rows = source.run.evaluations
    if not rows:
        note = (
            'No line of mmdcl evaluate on a checkpoint of this run was found '
            'beside it.'
        )
        return Section('evaluation', 'Evaluation', note=note)
    return Section('evaluation', 'Evaluation', content=evaluation_table(rows))


def evaluation_table(rows: Sequence[dict]) -> dict[str, Any]:
    """Of ``evaluate.jsonl``: ``head`` and ``rows``; no empty column."""
    kept = rows[-_MOST:]
    cells = [
        {key: _cell(key, row.get(key)) for key in _COLUMNS} for row in kept
    ]
    keys = [key for key in _COLUMNS if any(x[key] for x in cells)]
    return dict(
        head=[_COLUMNS[key] for key in keys],
        rows=[[x[key] for key in keys] for x in cells],
        left_out=len(rows) - len(kept),
    )


def _cell(key: str, value: Any) -> str:
    if value in (None, '', {}):
        return ''
    if key == 'checkpoint':
        return Path(str(value)).name
    if key == 'metrics' and isinstance(value, dict):
        return ', '.join(f'{k} {number(v)}' for k, v in value.items())
    if isinstance(value, dict):
        return ', '.join(f'{k}={v}' for k, v in value.items())
    return number(value)
