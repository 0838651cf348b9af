"""`pytest -m gpu`, and how many tests it was, as the rest of `gpu.sh` says it.

    python tools/speed/gpu_tests.py --json gpu_tests.json

On `--device cpu` it runs what a CPU has, too. Ends with pytest's exit code.
"""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from measure import Table, flags

ROOT = Path(__file__).parent.parent.parent


class Outcomes:
    """Counted, and the names of those that failed."""

    def __init__(self) -> None:
        self.number: Counter[str] = Counter()
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report) -> None:
        if report.when == 'call' or report.outcome != 'passed':
            self.number[report.outcome] += 1
        if report.failed:
            self.failed.append(report.nodeid)


def main() -> None:
    parser = flags(__doc__, rounds=1)
    parser.add_argument('--device', default='cuda')
    parser.add_argument('-k', default='', metavar='EXPRESSION')
    args = parser.parse_args()
    os.environ['MMDCL_GPU_TESTS_ON'] = args.device
    os.chdir(ROOT)
    seen = Outcomes()
    words = ['-m', 'gpu', '-q', '-p', 'no:cacheprovider', 'tests/gpu']
    code = pytest.main([*words, '-k', args.k], plugins=[seen])
    table = Table('', 'passed', 'failed', 'skipped')
    row = dict(name='pytest -m gpu', device=args.device)
    row |= {x: seen.number[x] for x in ('passed', 'failed', 'skipped')}
    row |= dict(failures=seen.failed)
    table.add(row, *[row[x] for x in ('name', 'passed', 'failed', 'skipped')])
    table.write(args.json and Path(OUT, args.json))
    sys.exit(code)


OUT = Path.cwd()  # before the tests have a folder of their own

if __name__ == '__main__':
    main()
