"""What the page at the end of a training costs: `mmdcl report`.

    python tools/speed/report.py --json results/speed/report.json

Of a run of the demo, which is trained first. Each is a process of its own,
start and imports included; they take turns. Time is CPU time of the process.
`again` finds the pictures of images drawn, `numbers` leaves them out, and
`import mmdcl.models` is what any command that builds a network begins with.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import Table, flags

REPORT = ['-m', 'mmdcl', 'report', 'run']


def seconds(words: list[str], place: Path) -> float:
    """CPU time of one process in ``place``, which must end well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *words], cwd=place, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f'{words}: {(done.stdout + done.stderr)[-999:]}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(
        getattr(after, x) - getattr(before, x)
        for x in ('ru_utime', 'ru_stime')
    )


def peers(place: Path) -> dict[str, Callable[[], float]]:
    """Each gives its seconds."""

    def first(*options: str) -> float:
        shutil.rmtree(place / 'run/report', ignore_errors=True)
        return seconds([*REPORT, *options], place)

    return {
        'mmdcl report': first,
        'mmdcl report, again': lambda: seconds(REPORT, place),
        'mmdcl report, numbers': lambda: first(
            '--no-images', '--out', 'numbers.html'
        ),
        'import mmdcl.models': lambda: seconds(
            ['-c', 'import mmdcl.models'], place
        ),
    }


def main() -> None:
    parser = flags(__doc__, rounds=5)
    parser.add_argument('--epochs', type=int, default=15)
    parser.add_argument('--peers', nargs='+', choices=peers(Path()))
    args = parser.parse_args()
    os.environ['OMP_NUM_THREADS'] = str(args.threads)
    table = Table('', 's', 'MB')
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        demo = ['-m', 'mmdcl', 'demo', '--no-report', '--work-dir', 'run']
        option = f'train_cfg.max_epochs={args.epochs}'
        seconds([*demo, '--cfg-options', option], place)
        timed = peers(place)
        found: dict[str, list[float]] = {}
        for _ in range(args.rounds):
            for name in args.peers or timed:
                found.setdefault(name, []).append(timed[name]())
        sizes = {
            'mmdcl report': place / 'run/report.html',
            'mmdcl report, numbers': place / 'numbers.html',
        }
        for name, each in found.items():
            spent = statistics.median(each)
            size = sizes[name].stat().st_size / 1e6 if name in sizes else None
            row = dict(name=name, seconds=spent, megabytes=size)
            shown = '' if size is None else f'{size:.2f}'
            table.add(row, name, f'{spent:.1f}', shown)
    table.write(args.json)


if __name__ == '__main__':
    main()
