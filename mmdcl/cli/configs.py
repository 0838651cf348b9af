"""``mmdcl configs``: what there is to train, and a copy of one to edit."""

import argparse
import sys
from pathlib import Path
from shutil import get_terminal_size
from textwrap import shorten

from ..configs import config_path, names, standalone, summary


def run(args: argparse.Namespace) -> None:
    """List or copy as the flags say; see ``mmdcl.cli.flags``."""
    if args.copy:
        source = Path(config_path(args.copy))
        copy = Path(source.name)
        if copy.exists():
            sys.exit(
                f'error: {copy.absolute()} exists; copy {source.stem} in '
                'another folder, or rename the file'
            )
        copy.write_text(standalone(source))
        print(f'{copy}, to edit; then: mmdcl train {copy}')
        return
    found = {
        name: path
        for name, path in names().items()
        if not args.name or args.name in name
    }
    if not found:
        sys.exit(
            f'error: no config has {args.name!r} in its name; `mmdcl configs` '
            'lists all'
        )
    width = max(map(len, found))
    rest = sys.maxsize  # in a pipe
    if sys.stdout.isatty():
        rest = max(40, get_terminal_size().columns - width - 2)
    for name, path in found.items():
        text = shorten(summary(path), rest, placeholder=' ...')
        print(f'{name:{width}}  {text}')
