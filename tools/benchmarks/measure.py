"""What the benchmarks share: turns, medians, tables, JSON."""

import json
import logging
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from provenance import provenance

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


def available(peers: dict, **needs: str) -> list[str]:
    """Names of peers whose packages are installed."""
    found = [x for x in peers if find_spec(needs.get(x, 'torch'))]
    for name in peers:
        if name not in found:
            print(f'without {name}: pip install -c constraints.txt .[bench]')
    return found


def write(rows: list[dict], path: Path | None) -> None:
    """Rows as JSON, each with versions, machine and commit."""
    if path is not None:
        more = dict(torch=torch.__version__, **provenance())
        path.write_text(json.dumps([row | more for row in rows], indent=1))
