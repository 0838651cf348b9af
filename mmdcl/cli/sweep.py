"""``mmdcl sweep``: losses over batches, temperatures, rates and seeds.

Every run is ``mmdcl train``, then ``mmdcl test`` on its last checkpoint. Other
options are compared by, for instance, --grid model.support_set.size=512,4096.
Temperatures and learning rates are chosen by validation accuracy; the test
accuracy is only reported. Finished runs are lines of OUT/runs.jsonl and not
repeated, one that was interrupted is resumed; logs go to OUT/logs. Tables
(table.md, spread.md, gaps.md) and the figure are made from the lines alone.
"""

import argparse
import json
import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from ..handlers import Handlers
from ..report.sweeps.lines import Row, key, read_rows
from ..report.sweeps.spread import spread_table
from ..report.sweeps.table import table
from .sweep_grid import as_done, merged, one_name_each, settings_of
from .sweep_run import (
    NoMetricError,
    Plan,
    Processes,
    RunFailedError,
    Setting,
    run_one,
)
from .sweep_time import Clock, say_cost
from .terminal.quiet import active, quiet

_STOPPED = 75  # the exit code of what has saved all
_UNEQUAL = 1.05  # of the images that runs saw


def run(args: argparse.Namespace) -> None:
    """Compare as the flags say; see ``mmdcl.cli.sweep_flags``."""
    book = args.out / 'runs.jsonl'
    if args.out.exists() and not args.out.is_dir():
        sys.exit(f'error: --out {args.out} is a file; name a folder')
    rows = {key(row): row for row in read_rows(book, mend=not args.dry_run)}
    if not args.configs and not rows:
        sys.exit(f'error: {book} has no line; give configs to compare')
    one_name_each(args, rows)
    with quiet():
        settings = as_done(settings_of(args), rows, args)
        active().forget()
    done = [x for x in settings if x in rows]
    todo = [x for x in settings if x not in rows]
    again = [x for x in done if args.linear and not _has_linear(rows[x])]
    if args.configs:
        print(f'{len(done)} runs done, {len(todo)} to do', flush=True)
    if again:
        print(f'{len(again)} more to evaluate by --linear', flush=True)
    _refuse_other_flags(args, [rows[x] for x in done])
    with quiet():
        rates = _checked(args, [*again, *todo]) if todo or again else {}
        active().forget()
    if args.dry_run:
        say_cost(todo, list(rows.values()), args.jobs)
        return
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        book.touch()
    except OSError as error:
        sys.exit(
            f'error: cannot write to --out {args.out}: {error.strerror}; '
            'choose another'
        )
    failed = _run_all([*again, *todo], rates, args, rows, book)
    if not rows:
        sys.exit(f'error: all {failed} runs failed')
    _beware(list(rows.values()))
    _write(list(rows.values()), args.out)
    if failed:
        sys.exit(f'error: {failed} runs failed; run again to repeat them')


def _has_linear(row: Row) -> bool:
    return any(name.startswith('linear/') for name in row['test'])


def _flags(args: argparse.Namespace) -> list[str]:
    """What all runs share, and lines are compared by."""
    found = ['--data-root', args.data_root] if args.data_root else []
    found += ['--gpus', str(args.gpus_of_run)] if args.gpus_of_run else []
    return found + (['--fast'] if args.fast else [])


def _refuse_other_flags(args: argparse.Namespace, done: list[Row]) -> None:
    """A line of other data is not the run that is asked for."""
    now = _flags(args)
    for row in done:
        before = row.get('flags', now)  # older sweeps do not say
        if before != now:
            sys.exit(
                f'error: {args.out} has a run of these settings with '
                f'{" ".join(before) or "no flags"}, and not with '
                f'{" ".join(now) or "none"}; give another --out and '
                '--work-dir'
            )


def _checked(
    args: argparse.Namespace, todo: list[Setting]
) -> dict[str, float]:
    """Learning rates of configs; what is wrong with one ends it here."""
    from ..config_parts import part
    from .settings import check_settings

    found = {}
    for config, options in dict.fromkeys((x.config, x.options) for x in todo):
        cfg = merged(config, options)
        check_settings(cfg)
        lr = part(cfg, 'optim_wrapper', 'optimizer').get('lr')
        if lr is None and args.lr_factors != [1.0]:
            sys.exit(
                f'error: {config} has no `optim_wrapper.optimizer.lr` for '
                '--lr-factors to multiply'
            )
        found[config] = lr
        if not args.batch_sizes:
            continue
        if 'base_batch_size' not in part(cfg, 'auto_scale_lr'):
            sys.exit(
                f'error: {config} has no `auto_scale_lr.base_batch_size`, '
                'which says what batch its learning rate is for and which '
                '--batch-sizes needs'
            )
        if 'max_epochs' not in part(cfg, 'train_cfg'):
            sys.exit(
                f'error: {config} counts in iterations, of which other '
                'batches see other numbers of images; --batch-sizes needs '
                '`train_cfg.max_epochs`'
            )
    return found


def _run_all(
    todo: list[Setting],
    rates: dict[str, float],
    args: argparse.Namespace,
    rows: dict[Any, Row],
    book: Path,
) -> int:
    """Do it, and add lines as runs finish; returns how many failed."""
    threads = os.environ.get('OMP_NUM_THREADS', '')
    each = max(1, (os.cpu_count() or 1) // args.jobs)
    plan = Plan(
        out=args.out,
        work_dir=args.work_dir,
        metric=args.metric,
        flags=tuple(_flags(args)),
        linear=args.linear,
        threads=int(threads) if threads.isdigit() else each,
    )
    processes = Processes(args.jobs)

    def work(one: Setting) -> Row:
        lr = None
        if one.lr_factor != 1:
            lr = rates[one.config] * one.lr_factor
        try:
            with clock.measured(one):
                return run_one(one, lr, plan, processes, rows.get(one))
        except NoMetricError:  # without it no other run is of use
            processes.stop()
            raise

    clock = Clock(todo, rows, args.jobs)
    finished = failed = 0
    pool = ThreadPoolExecutor(args.jobs)

    def stop(*_: Any) -> None:
        first = not processes.stopped
        pool.shutdown(wait=False, cancel_futures=True)
        processes.stop()
        if first:
            raise KeyboardInterrupt

    handlers = Handlers(stop, over=lambda _: True)
    handlers.install()
    try:
        with pool, book.open('a') as out:
            runs: dict[Future, Setting] = {
                pool.submit(work, one): one for one in todo
            }
            for done in as_completed(runs):
                try:
                    row = done.result()
                except NoMetricError as error:
                    pool.shutdown(wait=False, cancel_futures=True)
                    sys.exit(f'error: {error}')
                except RunFailedError as error:
                    failed += 1
                    print(f'error: {error}', flush=True)
                    continue
                rows[runs[done]] = row
                finished += 1
                print(json.dumps(row), file=out, flush=True)
                print(
                    f'[{finished}/{len(todo)}] {runs[done].text()}: '
                    f'{args.metric} {row["val"]:.2f} in {row["seconds"]} s'
                    f'{clock.left()}',
                    flush=True,
                )
    except KeyboardInterrupt:  # what was running has saved, and ended
        print(
            f'stopped: {finished} of {len(todo)} runs are finished; the '
            'same command goes on with the others',
            flush=True,
        )
        sys.exit(_STOPPED)
    finally:
        handlers.restore()
    return failed


def _beware(rows: list[Row]) -> None:
    commits = sorted({str(row.get('commit')) for row in rows})
    if len(commits) > 1:
        print(f'beware: rows of several commits, {", ".join(commits)}')
    threads = sorted({row['threads'] for row in rows if row.get('threads')})
    if len(threads) > 1:
        print(
            f'beware: runs of {" and ".join(map(str, threads))} threads, '
            'which round otherwise: seeds of one are no pairs of the other'
        )
    seen = [row['images'] for row in rows if row.get('images')]
    if seen and max(seen) > _UNEQUAL * min(seen):
        print(
            f'beware: runs saw unequal numbers of images, {min(seen):,} to '
            f'{max(seen):,}'
        )


def _write(rows: list[Row], out: Path) -> None:
    text = table(rows)
    out.joinpath('table.md').write_text(f'{text}\n')
    print(text)
    spreads = spread_table(rows)
    if spreads:
        out.joinpath('spread.md').write_text(f'{spreads}\n')
        print(f'\nbest of each, and what its settings change:\n\n{spreads}')
    try:
        from ..report.pictures.style import save
        from ..report.pictures.sweep import draw_sweep
        from ..report.sweeps.gaps import gap_table, gaps

        found = gaps(rows)
        fig = draw_sweep(rows)
        paths = [] if fig is None else save(fig, out / 'sweep.png')
    except ModuleNotFoundError as error:
        print(
            f'no gaps.md and no figure: they need {error.name}; '
            "pip install 'mmdcl[report]'"
        )
        return
    if found:
        text = gap_table(found)
        out.joinpath('gaps.md').write_text(f'{text}\n')
        print(f'\ngain on InfoNCE, all else the same:\n\n{text}')
    for path in paths:
        print(path)
