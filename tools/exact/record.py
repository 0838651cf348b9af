"""Rows of numbers, shown as Markdown and kept as JSON."""

import argparse
import json
from pathlib import Path

import torch

from mmdcl.provenance import provenance


def flags(description: str | None) -> argparse.ArgumentParser:
    """Flags of every script here."""
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--data-root', metavar='FOLDER')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', type=Path, metavar='OUT')
    return parser


def show(*cells: object) -> None:
    """A line of a table; numbers short."""
    short = (f'{x:.1e}' if isinstance(x, float) else str(x) for x in cells)
    print(f'| {" | ".join(short)} |', flush=True)


def write(path: Path | None, rows: list[dict]) -> None:
    """A row a line, each with versions, machine and commit."""
    if path is not None:
        more = dict(torch=torch.__version__, **provenance())
        lines = ',\n'.join(json.dumps(row | more) for row in rows)
        path.write_text(f'[\n{lines}\n]\n')
