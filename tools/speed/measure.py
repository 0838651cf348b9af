"""What the benchmarks share: turns, medians, tables, JSON."""

import argparse
import json
import logging
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import torch

from mmdcl.provenance import provenance

# Peers are measured, not asked to say what they lack or to call home.
warnings.filterwarnings('ignore')
logging.disable(logging.WARNING)
os.environ.setdefault('LIGHTLY_DID_VERSION_CHECK', 'True')


def interleaved(
    peers: dict[str, Callable], rounds: int, device: str = 'cpu'
) -> dict[str, float]:
    """Median seconds of each, which take turns; the first turn is lost.

    CPU time of this process, or on an accelerator the time between
    synchronisations.
    """
    on_cpu = device == 'cpu'
    clock = time.process_time if on_cpu else time.perf_counter
    wait = (lambda: None) if on_cpu else torch.cuda.synchronize
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds + 1):
        for name, run in peers.items():
            wait()
            start = clock()
            run()
            wait()
            seconds[name].append(clock() - start)
    return {name: statistics.median(x[1:]) for name, x in seconds.items()}


def fits(run: Callable) -> bool:
    """Whether it runs in the memory that a GPU has; it is run once."""
    try:
        run()
        return True
    except torch.cuda.OutOfMemoryError:
        pass  # what the error holds is free from here on
    torch.cuda.empty_cache()
    return False


def available(peers: dict, **needs: str) -> list[str]:
    """Names of peers whose packages are installed."""
    found = [x for x in peers if find_spec(needs.get(x, 'torch'))]
    for name in peers:
        if name not in found:
            print(f"without {name}: pip install '.[bench]'")
    return found


def flags(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """Flags of every benchmark."""
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=rounds)
    parser.add_argument('--json', type=Path, metavar='OUT')
    return parser


class Table:
    """Rows as they are found, a line of Markdown each; at the end JSON."""

    def __init__(self, *columns: str) -> None:
        self.rows: list[dict] = []
        self._print(columns)
        self._print(['---'] * len(columns))

    def _print(self, cells: Iterable) -> None:
        print(f'| {" | ".join(map(str, cells))} |', flush=True)

    def add(self, row: dict, *cells: object) -> None:
        """Keep ``row``, show ``cells``."""
        self.rows.append(row)
        self._print(cells)

    def write(self, path: Path | None) -> None:
        """Rows as JSON, each with versions, machine and commit."""
        if path is not None:
            more = dict(torch=torch.__version__, **provenance())
            rows = [row | more for row in self.rows]
            path.write_text(json.dumps(rows, indent=1) + '\n')
