"""``mmdcl plot PICTURE ...``: one picture of a run or a checkpoint."""

import argparse
from collections.abc import Callable


def run(args: argparse.Namespace) -> None:
    """Draw what the flags say; see ``mmdcl.cli.picture_flags``."""
    _DRAWN_BY[args.kind](args)


_DRAWN_BY: dict[str, Callable[[argparse.Namespace], None]] = {}
