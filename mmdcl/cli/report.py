"""``mmdcl report WORK_DIR ...``: what a run was, on one page."""

import argparse


def run(args: argparse.Namespace) -> None:
    """Write the page; see ``mmdcl.cli.picture_flags``."""
