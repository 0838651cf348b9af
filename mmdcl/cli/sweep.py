"""``mmdcl sweep``: losses over temperatures and seeds, then a table.

Every run is ``mmdcl train``, then ``mmdcl test`` on its last checkpoint. Other
options are compared by, for instance, --grid model.support_set.size=512,4096.
Temperatures are chosen by validation accuracy; the test accuracy is only
reported. Finished runs are kept in OUT/runs.jsonl and not repeated; their
logs go to OUT/logs.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import product
from pathlib import Path

from ..provenance import provenance

LINES = 5  # of the log of a run that failed


def settings(grid: list[str]) -> list[list[str]]:
    """All combinations of the values, each as ``['key=value', ...]``."""
    axes = []
    for axis in grid:
        key, equals, values = axis.partition('=')
        if not (key and equals and values):
            sys.exit(f'error: --grid {axis}: expected KEY=VALUE,VALUE')
        axes.append([f'{key}={value}' for value in values.split(',')])
    return [list(combination) for combination in product(*axes)]


def run_one(
    config: Path,
    options: list[str],
    temperature: float,
    seed: int,
    args: argparse.Namespace,
) -> dict:
    """Train and test once; returns the row of the table."""
    name = '_'.join(
        [
            config.stem,
            *(option.removeprefix('model.') for option in options),
            f't{temperature:g}_s{seed}',
        ]
    )
    work_dir = args.work_dir / name
    threads = str(max(1, (os.cpu_count() or 1) // args.jobs))
    common = ['--work-dir', str(work_dir)]
    if args.data_root:
        common += ['--data-root', args.data_root]

    def mmdcl(command: str, *rest: str) -> None:
        work_dir.mkdir(parents=True, exist_ok=True)
        with work_dir.joinpath(f'{command}.out').open('w') as out:
            words = ['-m', 'mmdcl', command, str(config), *rest, *common]
            done = subprocess.run(
                [sys.executable, *words],
                env={**os.environ, 'OMP_NUM_THREADS': threads},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        if done.returncode:
            said = Path(out.name).read_text(errors='replace').splitlines()
            end = ''.join(f'\n    {line}' for line in said[-LINES:])
            raise RuntimeError(f'{command} failed, {out.name} ends in{end}')

    start = time.time()
    mmdcl(
        'train',
        '--cfg-options',
        f'model.head.temperature={temperature}',
        f'randomness.seed={seed}',
        *options,
    )
    scalars = max(work_dir.glob('*/vis_data/scalars.json'))
    val = [
        record
        for record in map(json.loads, scalars.read_text().splitlines())
        if args.metric in record
    ]
    if not val:
        raise RuntimeError(f'no {args.metric} in {scalars}; see --metric')
    seconds = time.time() - start
    checkpoint = Path(work_dir, 'last_checkpoint').read_text()
    metrics = work_dir / 'test.json'
    mmdcl('test', checkpoint, '--out', str(metrics))
    log = args.out / 'logs' / f'{name}.jsonl'
    log.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(scalars, log)
    return dict(
        config=str(config),
        options=options,
        temperature=temperature,
        seed=seed,
        val_start=val[0][args.metric] if val[0]['step'] == 0 else None,
        val=val[-1][args.metric],
        test=json.loads(metrics.read_text()),
        seconds=round(seconds),
        threads=int(threads),
        log=str(log.relative_to(args.out)),
        **provenance(),
    )


def read_rows(book: Path) -> list[dict]:
    """What is finished; a line that was cut off is not, and goes."""
    lines = book.read_text().splitlines() if book.is_file() else []
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            print(f'{book}:{number} was cut off; that run is repeated')
    if len(rows) < len(lines):
        book.write_text(''.join(f'{json.dumps(row)}\n' for row in rows))
    return rows


def _options(row: dict) -> list[str]:
    return row.get('options', [])


def table(rows: list[dict]) -> str:
    """Markdown: a line a loss and temperature, best by validation in bold."""
    groups: dict[str, dict[float, list[dict]]] = {}
    for row in rows:
        name = ' '.join([Path(row['config']).stem, *_options(row)])
        by_temperature = groups.setdefault(name, {})
        by_temperature.setdefault(row['temperature'], []).append(row)
    tests = list(rows[0]['test'])

    def spread(values: list[float]) -> str:
        mean = statistics.mean(values)
        if len(values) == 1:
            return f'{mean:.2f}'
        return f'{mean:.2f} ± {statistics.stdev(values):.2f}'

    head = ['config', 'temperature', 'seeds', 'validation', *tests]
    lines = [head, ['---'] * len(head)]
    starts = {
        (row['seed'], row['val_start'])
        for row in rows
        if row['val_start'] is not None
    }
    if starts:
        seeds = ', '.join(map(str, sorted({seed for seed, _ in starts})))
        start = spread([value for _, value in starts])
        lines.append(['before training', '', seeds, start, *[''] * len(tests)])
    for config, temperatures in groups.items():
        best = max(
            temperatures,
            key=lambda t: statistics.mean(r['val'] for r in temperatures[t]),
        )
        for temperature, runs in sorted(temperatures.items()):
            mark = '**' if temperature == best else ''
            lines.append(
                [
                    config,
                    f'{mark}{temperature:g}{mark}',
                    ', '.join(str(r['seed']) for r in runs),
                    spread([r['val'] for r in runs]),
                    *(spread([r['test'][t] for r in runs]) for t in tests),
                ]
            )
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def run(args: argparse.Namespace) -> None:
    """Compare as the flags say; see ``mmdcl.cli.flags``."""
    args.configs = [Path(config) for config in args.configs]
    args.out.mkdir(parents=True, exist_ok=True)
    book = args.out / 'runs.jsonl'
    rows = read_rows(book)
    configs = [*map(Path, args.configs), *(Path(r['config']) for r in rows)]
    by_name = {config.stem: config for config in reversed(configs)}
    for config in configs:
        if config != by_name[config.stem]:
            sys.exit(
                f'error: {by_name[config.stem]} and {config} would share a '
                f'work_dir and a line of {args.out}/table.md; rename one, or '
                'give another --out and --work-dir'
            )
    args.configs = list(dict.fromkeys(args.configs))
    done = {
        (r['config'], tuple(_options(r)), r['temperature'], r['seed'])
        for r in rows
    }
    todo = [
        (config, options, temperature, seed)
        for seed, temperature, options, config in product(
            dict.fromkeys(args.seeds),
            dict.fromkeys(args.temperatures),
            settings(args.grid),
            args.configs,
        )
        if (str(config), tuple(options), temperature, seed) not in done
    ]
    print(f'{len(done)} runs done, {len(todo)} to do', flush=True)
    with ThreadPoolExecutor(args.jobs) as pool, book.open('a') as out:
        runs = [pool.submit(run_one, *one, args) for one in todo]
        failed = []
        for done_run in as_completed(runs):
            try:
                row = done_run.result()
            except RuntimeError as error:
                failed.append(error)
                print(f'error: {error}', flush=True)
                continue
            rows.append(row)
            print(json.dumps(row), file=out, flush=True)
            print(
                f'[{len(rows) - len(done)}/{len(todo)}] '
                f'{" ".join([Path(row["config"]).stem, *row["options"]])} '
                f'temperature {row["temperature"]:g} seed {row["seed"]}: '
                f'{args.metric} {row["val"]:.2f} in {row["seconds"]} s',
                flush=True,
            )
    commits = sorted({row['commit'] for row in rows})
    if len(commits) > 1:
        print(f'beware: rows of several commits, {", ".join(commits)}')
    if not rows:
        sys.exit(f'error: all {len(failed)} runs failed')
    text = table(rows)
    args.out.joinpath('table.md').write_text(text + '\n')
    print(text)
    if failed:
        sys.exit(f'error: {len(failed)} runs failed; run again to repeat them')
