"""Kill trainings at random, resume them, and compare with one that lived.

    python tools/kills.py --kills 200 --seed 0 --out results/kills.json

Small trainings on digits (SimCLR and NNCLR, 1 and 2 processes, 0 and 2
workers) are killed: a whole process, one rank, a worker, while a checkpoint
is written, during kNN; or told to end by SIGTERM. Each is resumed by a bare
`--resume`; its last checkpoint (weights, buffers, optimizer, schedules) must
be that of an uninterrupted run, bit for bit. The same seed draws the same
kills; at which instruction they strike is up to the machine.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from itertools import product
from pathlib import Path
from tempfile import mkdtemp

import mmpretrain.datasets
import mmpretrain.evaluation
import mmpretrain.models  # noqa: F401 - what is slow, once
import torch
from forked import LAST, Run, write_configs

import mmdcl.datasets
import mmdcl.engine
import mmdcl.models  # noqa: F401

HOW = (
    'tools/train.py as __main__ in processes forked from one that has '
    'imported torch and mmpretrain (saves seconds each); ranks are given to '
    'it by the variables that torchrun sets, workers are its own'
)
KINDS = ('process', 'rank', 'worker', 'saving', 'knn', 'told')
SETTINGS = list(product(('SimCLR', 'NNCLR'), (1, 2), (0, 2)))


def children(pid: int) -> list[int]:
    path = Path(f'/proc/{pid}/task/{pid}/children')
    return list(map(int, path.read_text().split())) if path.exists() else []


def strike(run: Run, kind: str, draw: random.Random, whole: float) -> str:
    """Kill it; what was hit, or nothing if it had ended before."""
    run.until(run.started)
    delay = draw.uniform(0, 0.9 * whole)
    run.until(lambda: False, delay)
    victim = draw.choice(run.pids)
    if kind == 'saving':
        run.until(lambda: any(run.folder.glob('*.partial')))
        victim = run.pids[0]
    elif kind == 'knn':
        run.until(run.validating)
        run.until(lambda: False, draw.uniform(0, 0.1))
    elif kind == 'worker':
        run.until(lambda: bool(children(victim)))
        workers = children(victim)
        victim = draw.choice(workers) if workers else 0
    if not run.alive() or not victim:
        return ''
    hit = {'saving': any(run.folder.glob('*.partial'))}
    hit['knn'] = run.validating()
    try:
        if kind == 'process':
            for pid in set(run.pids) - set(run.codes):
                os.killpg(pid, signal.SIGKILL)
        else:
            number = signal.SIGTERM if kind == 'told' else signal.SIGKILL
            os.kill(victim, number)
    except ProcessLookupError:
        return ''
    return kind if hit.get(kind, True) else 'process'


def last(folder: Path) -> dict:
    found = torch.load(folder / LAST, weights_only=False, map_location='cpu')
    schedules = [x['_last_value'] for x in found['param_schedulers']]
    parts = {name: found[name] for name in ('state_dict', 'optimizer')}
    return {**parts, 'schedules': schedules}


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            same(one[key], other[key]) for key in one
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def attempt(folder: Path, draw: random.Random, wholes: dict) -> dict:
    """Kill one training, resume it, compare."""
    setting, kind = draw.choice(SETTINGS), draw.choice(KINDS)
    _, ranks, workers = setting
    if (kind == 'rank' and ranks == 1) or (kind == 'worker' and not workers):
        kind = 'process'
    row = dict(zip(('model', 'ranks', 'workers'), setting, strict=True))
    reference = folder / f'{"_".join(map(str, setting))}_whole'
    if setting not in wholes:
        run = Run(reference, setting)
        run.until(run.started)
        start = time.monotonic()
        if not run.wait(300) or set(run.codes.values()) != {0}:
            sys.exit(f'error: {reference} failed\n{run.said.read_text()}')
        wholes[setting] = time.monotonic() - start
    work_dir = folder / 'killed'
    run = Run(work_dir, setting)
    hit = strike(run, kind, draw, wholes[setting])
    ended = run.wait(60)
    left = sorted(path.name for path in work_dir.glob('*.pth*'))
    row |= dict(kind=kind, hit=hit, left=left, ended_by_itself=ended)
    row |= dict(codes=sorted(run.codes.values()))
    again = Run(work_dir, setting, '--resume')
    ended = again.wait(300)
    row |= dict(resumed=ended and set(again.codes.values()) == {0})
    row['equal'] = row['resumed'] and same(last(work_dir), last(reference))
    if not row['equal']:
        row['said'] = run.said.read_text()[-2000:]
        row['said_then'] = again.said.read_text()[-4000:]
    shutil.rmtree(work_dir)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, default=Path('results/kills.json'))
    args = parser.parse_args()
    torch.set_num_threads(1)
    draw, rows, wholes = random.Random(args.seed), [], {}
    start = time.time()
    # No TemporaryDirectory: each child that ends would remove it.
    folder = Path(mkdtemp())
    write_configs(folder)
    while sum(bool(row['hit']) for row in rows) < args.kills:
        rows.append(attempt(folder, draw, wholes))
        done = [row for row in rows if row['hit']]
        found = dict(
            how=HOW,
            seed=args.seed,
            kills=len(done),
            lost=sum(not row['resumed'] for row in done),
            bit_equal=sum(row['equal'] for row in done),
            too_late=len(rows) - len(done),
            kinds=Counter(row['hit'] for row in done),
            minutes=round((time.time() - start) / 60, 1),
            not_equal=[row for row in rows if not row['equal']],
            rows=rows,
        )
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(found, indent=1))
        brief = {k: found[k] for k in ('kills', 'lost', 'bit_equal')}
        row = rows[-1]
        what = [row[k] for k in ('model', 'ranks', 'workers', 'kind')]
        print(*brief.items(), *what, row['left'], row['codes'], flush=True)
    shutil.rmtree(folder)
    sys.exit(found['bit_equal'] != found['kills'])


if __name__ == '__main__':
    main()
