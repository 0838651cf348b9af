"""``mmdcl report WORK_DIR ...``: what a run was, on one page."""

import argparse
import sys


def run(args: argparse.Namespace) -> None:
    """Write the page; see ``mmdcl.cli.picture_flags``."""
    if len(args.runs) > 1:
        from ..report.page.compare import write_comparison

        print(write_comparison(args.runs, out=args.out, warn=_warn))
        return
    from ..report.page.write import write_report

    path = write_report(
        args.runs[0],
        checkpoint=args.checkpoint,
        out=args.out,
        data_root=args.data_root,
        images=not args.no_images,
        trust=args.trust,
        say=_say,
        warn=_warn,
    )
    print(path)


def _say(text: str) -> None:
    print(f'{text} ...', file=sys.stderr, flush=True)


def _warn(text: str) -> None:
    print(f'warning: {text}', file=sys.stderr, flush=True)
