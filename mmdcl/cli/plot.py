"""``mmdcl plot PICTURE ...``: one picture of a run or a checkpoint."""

import argparse
from collections.abc import Callable


def run(args: argparse.Namespace) -> None:
    """Draw what the flags say; see ``mmdcl.cli.picture_flags``."""
    _DRAWN_BY[args.kind](args)


def _of_runs(args: argparse.Namespace) -> None:
    from . import plot_runs

    getattr(plot_runs, args.kind)(args)


def _of_a_network(args: argparse.Namespace) -> None:
    from . import plot_network

    getattr(plot_network, args.kind)(args)


_DRAWN_BY: dict[str, Callable[[argparse.Namespace], None]] = {
    'curves': _of_runs,
    'coupling': _of_runs,
    'views': _of_a_network,
    'embedding': _of_a_network,
    'neighbours': _of_a_network,
    'neighbors': _of_a_network,
    'pairs': _of_a_network,
    'spectrum': _of_a_network,
}
