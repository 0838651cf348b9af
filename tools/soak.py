"""Train for long under load, and see whether anything grows.

    python tools/soak.py --minutes 30 --out results/soak.json

NNCLR on digits with two workers, kNN after each epoch, a checkpoint every few
seconds. Samples memory of the process and its workers, open files, threads,
throughput, sizes of log and checkpoint; fits a line to each and fails if one
grows (or throughput falls) by more than its bound over the whole time.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from forked import ROOT, write_configs

OPTIONS = ['train_cfg.max_epochs=1000000', 'train_cfg.val_interval=1']
OPTIONS += ['train_dataloader.dataset.indices=512']
OPTIONS += ['train_dataloader.batch_size=64', 'train_dataloader.num_workers=2']
OPTIONS += ['train_dataloader.persistent_workers=True']
OPTIONS += ['val_dataloader.num_workers=1', 'param_scheduler=None']
OPTIONS += ['default_hooks.checkpoint.interval=8', 'log_level=INFO']
OPTIONS += ['default_hooks.checkpoint.by_epoch=False']
# By how much it may change from the first third to the end: share of the
# mean, and in its own unit; the larger of both counts.
BOUNDS = {
    'parent_mb': (0.03, 10),
    'workers_mb': (0.05, 10),
    'files': (0, 4),
    'threads': (0, 2),
    'seconds_per_iteration': (0.25, 0.005),
    'checkpoint_kb': (0.01, 4),
    'log_bytes_per_iteration': (0.05, 10),
}


def memory_mb(pid: int) -> float:
    """Memory of a process, what it shares divided by its users."""
    text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    return int(re.search(r'Pss:\s+(\d+)', text)[1]) / 1024


def children(pid: int) -> list[int]:
    text = Path(f'/proc/{pid}/task/{pid}/children').read_text()
    return list(map(int, text.split()))


def sample(pid: int, folder: Path) -> dict | None:
    try:
        found = dict(
            parent_mb=memory_mb(pid),
            workers_mb=sum(map(memory_mb, children(pid)[:2])),
            files=len(os.listdir(f'/proc/{pid}/fd')),
            threads=len(os.listdir(f'/proc/{pid}/task')),
        )
        logs = [*folder.glob('*/*.log'), *folder.glob('*/vis_data/*')]
        found['log_bytes'] = sum(path.stat().st_size for path in logs)
        name = Path((folder / 'last_checkpoint').read_text())
        found['checkpoint_kb'] = name.stat().st_size / 1024
        found['iteration'] = int(re.search(r'\d+', name.name)[0])
    except (OSError, TypeError):  # a worker or a file that is just going
        return None
    return found


def slope(times: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """A line's slope and its standard error."""
    t = times - times.mean()
    fitted = (t * values).sum() / (t * t).sum()
    left = values - values.mean() - fitted * t
    spread = np.sqrt((left**2).sum() / max(len(t) - 2, 1) / (t * t).sum())
    return float(fitted), float(spread)


def judge(rows: list[dict]) -> dict:
    """Slopes of all that was sampled, after a third to warm up."""
    rows = rows[len(rows) // 3 :]
    column = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    steps = np.diff(column['iteration'])
    moved = np.flatnonzero(steps) + 1
    whole = {key: column[key][moved] for key in column}
    for new, old in (
        ('seconds_per_iteration', 'time'),
        ('log_bytes_per_iteration', 'log_bytes'),
    ):
        rate = np.diff(whole[old]) / np.diff(whole['iteration'])
        column[new] = rate
    found = {}
    for key, (share, most) in BOUNDS.items():
        values = column[key]
        times = column['time'] if len(values) == len(rows) else None
        times = whole['time'][1:] if times is None else times
        fitted, spread = slope(times, values)
        span = times[-1] - times[0]
        bound = max(share * values.mean(), most)
        found[key] = dict(
            mean=round(float(values.mean()), 4),
            change=round(fitted * span, 4),
            spread=round(spread * span, 4),
            bound=round(float(bound), 4),
            # By more than chance, and by more than the bound.
            flat=bool(fitted * span - 2 * spread * span <= bound),
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--minutes', type=float, default=30)
    parser.add_argument('--every', type=float, default=2, help='seconds')
    parser.add_argument('--out', type=Path, default=Path('results/soak.json'))
    args = parser.parse_args()
    folder = Path(mkdtemp())
    write_configs(folder)
    work_dir = folder / 'soak'
    words = [sys.executable, ROOT / 'tools/train.py', folder / 'NNCLR.py']
    words += ['--work-dir', work_dir, '--cfg-options', *OPTIONS]
    said = (folder / 'said.txt').open('w')
    process = subprocess.Popen(
        list(map(str, words)), stdout=said, stderr=subprocess.STDOUT
    )
    rows: list[dict] = []
    start = time.monotonic()
    while time.monotonic() - start < args.minutes * 60:
        if process.poll() is not None:
            sys.exit(f'error: it ended\n{(folder / "said.txt").read_text()}')
        found = sample(process.pid, work_dir)
        if found:
            rows.append(dict(found, time=time.monotonic() - start))
        time.sleep(args.every)
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=120)
    if len({row['iteration'] for row in rows}) < 9:
        sys.exit('error: too short to judge; give it more --minutes')
    found = judge(rows)
    report = dict(
        minutes=args.minutes,
        iterations=rows[-1]['iteration'],
        exit_code=code,
        flat=all(x['flat'] for x in found.values()),
        slopes=found,
        rows=rows,
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1))
    for key, x in found.items():
        print(
            f'{key:24} mean {x["mean"]:10.3f}  change {x["change"]:+9.3f} '
            f'+- {x["spread"]:.3f}  {"flat" if x["flat"] else "GROWS"}'
        )
    shutil.rmtree(folder)
    sys.exit(0 if report['flat'] and code == 75 else 1)


if __name__ == '__main__':
    main()
