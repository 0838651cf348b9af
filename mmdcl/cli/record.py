"""What an evaluation found: a line of OUT.jsonl and a row of OUT.md."""

import argparse
import fcntl
import json
from pathlib import Path

from ..hub.addresses import is_address
from ..hub.download import local_file
from ..provenance import provenance


def record(args: argparse.Namespace, metrics: dict, **settings) -> dict:
    """Append the result to OUT.jsonl and OUT.md; returns the line."""
    row = dict(
        protocol=args.protocol,
        dataset=args.dataset,
        checkpoint=args.checkpoint,
        checkpoint_commit=_commit(args.checkpoint),
        prefix=args.prefix,
        weights='random' if args.random_init else 'pretrained',
        config=str(Path(args.config).name),
        options=args.cfg_options or {},
        fraction=args.fraction,
        seed=args.seed,
        **settings,
        metrics={k: round(float(v), 4) for k, v in metrics.items()},
        log=args.work_dir,
        **provenance(),
    )
    row = {key: value for key, value in row.items() if value is not None}
    head = ['checkpoint', 'weights', 'protocol', 'config', 'fraction']
    head += ['seed', 'options', 'result']
    found = ', '.join(f'{k} {v:.4g}' for k, v in row['metrics'].items())
    chosen = {'prefix': args.prefix, **settings, **row['options']}
    options = ', '.join(f'{k}={v}' for k, v in chosen.items() if v is not None)
    cells = [str(row.get(key, '')) for key in head[:-2]] + [options, found]
    title = f'| {" | ".join(head)} |\n|{" --- |" * len(head)}\n'
    table = args.out.with_suffix('.md')
    append_line(args.out.with_suffix('.jsonl'), json.dumps(row))
    append_line(table, f'| {" | ".join(cells)} |', title)
    print(f'{found}\nadded to {table} and {table.with_suffix(".jsonl")}')
    return row


def append_line(path: Path, line: str, title: str = '') -> None:
    """Add a line, whole even if others add theirs at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('a') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not path.stat().st_size:
            file.write(title)
        file.write(f'{line}\n')


def _commit(checkpoint: str) -> str | None:
    """Of the repository on a hub that it comes from."""
    return (is_address(checkpoint) and local_file(checkpoint).commit) or None
