"""``mmdcl plot curves`` and ``plot coupling``: pictures of what was logged."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..report.pictures.style import save
from ..report.runs.folder import RunFolder, read_run
from ..report.runs.paths import path_from_here


def curves(args: argparse.Namespace) -> None:
    """All that was logged; several runs share the panels."""
    from ..report.pictures.curves import draw_curves

    _draw(args, draw_curves)


def coupling(args: argparse.Namespace) -> None:
    """q over training."""
    from ..report.pictures.coupling import draw_coupling

    _draw(args, draw_coupling)


def _draw(
    args: argparse.Namespace, draw: Callable[[Sequence[RunFolder]], Any]
) -> None:
    paths = dict.fromkeys(Path(x).resolve() for x in args.runs)
    named = {Path(x).resolve(): x for x in reversed(args.runs)}
    runs = [read_run(named[path]) for path in paths]
    place = runs[0].path if len(runs) == 1 else Path()
    place = place.parent if place.is_file() else place
    write(draw(runs), args.kind, args.out, place)


def write(fig: Any, kind: str, out: Path | None, place: Path) -> None:
    """Save a picture where it was asked for, and say where.

    Args:
        fig: The picture.
        kind: Its name.
        out: File or folder that was asked for.
        place: Else it goes into the folder ``plots`` of this one.
    """
    out = out or place / 'plots' / kind
    out = out / kind if out.is_dir() else out
    for path in save(fig, out):
        print(path_from_here(path))
