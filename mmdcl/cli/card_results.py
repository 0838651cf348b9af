"""What a card tells of results: of evaluations, and while training."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config_parts import part
from ..errors import UserFileNotFoundError, UserValueError, few
from ..report.runs.facts import accuracies
from ..report.runs.records import read_lines

if TYPE_CHECKING:
    from ..report.runs.folder import RunFolder


def lines_about(
    args: argparse.Namespace, run: 'RunFolder | None'
) -> Iterable[Mapping[str, Any]]:
    """Lines of ``mmdcl evaluate`` about these very weights.

    Args:
        args: Of ``mmdcl export``: ``checkpoint``, ``results``, ``prefix``.
        run: That the checkpoint is of, if there is one.

    Raises:
        UserError: ``results`` is not there, or has none.
    """
    named = Path(args.checkpoint)
    if args.results:
        path = Path(args.results)
        if not path.is_file():
            raise UserFileNotFoundError(
                f'--results: no file {path}; `mmdcl evaluate` writes it'
            )
        there = read_lines(path)
    else:
        there = run.evaluations if run else []
    lines = [
        x
        for x in there
        if Path(str(x.get('checkpoint'))).name == named.name
        and x.get('prefix') == args.prefix
    ]
    if args.results:
        folder = named.resolve().parent.name
        lines = [
            x
            for x in lines
            if Path(str(x['checkpoint'])).parent.name in (folder, '')
        ]
    if args.results and not lines:
        others = {str(x.get('checkpoint')) for x in there}
        raise UserValueError(
            f'--results {args.results} has no line about {args.checkpoint}'
            f'; it has {few(others, 3) or "none at all"}'
        )
    return lines


def while_training(
    run: 'RunFolder', checkpoint: Mapping[str, Any], found: Mapping[str, Any]
) -> dict[str, Any]:
    """What validation measured when these weights were written.

    Returns:
        ``how``, and ``rows`` of name, value of the untrained network if it
        was measured, and value; empty if it was not measured then.
    """
    meta = part(checkpoint, 'meta')
    step = meta.get('epoch' if run.unit == 'epoch' else 'iter')
    now = [x for x in run.validation if x.get('step') == step]
    rows = []
    for each in accuracies(run):
        if now and each['key'] in now[-1]:
            first = each['first'] if each['untrained'] else None
            rows.append((each['name'], first, now[-1][each['key']]))
    how = str(found.get('validation') or 'the validation of its config')
    return dict(how=how, rows=rows) if rows else {}
