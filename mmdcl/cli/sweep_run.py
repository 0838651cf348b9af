"""One run of a sweep: trained, tested, and the line that it leaves."""

import hashlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ..provenance import provenance

_NOTE = 'sweep.json'  # in a run's folder: what was started there
_LINES = 5  # of the log of a run that failed
_LONGEST = 100  # letters of options in a name
_PARTS = 20  # of training, whose mean q a line has


class Setting(NamedTuple):
    """What is set of a run, and nothing else tells it from the others."""

    config: str
    options: tuple[str, ...]
    batch_size: int | None
    lr_factor: float
    temperature: float
    seed: int

    @property
    def name(self) -> str:
        """Of its folder and its log: short, and without slashes."""
        options = '_'.join(x.removeprefix('model.') for x in self.options)
        said = re.sub(r'[^\w.=,+-]', '-', options)
        if said != options or len(said) > _LONGEST:
            digest = hashlib.sha256(options.encode()).hexdigest()[:8]
            said = f'{said[:_LONGEST]}_{digest}'
        return '_'.join(
            [
                Path(self.config).stem,
                *([said] if said else []),
                *([f'b{self.batch_size}'] if self.batch_size else []),
                *([f'lr{self.lr_factor:g}'] if self.lr_factor != 1 else []),
                f't{self.temperature:g}_s{self.seed}',
            ]
        )

    def text(self) -> str:
        """As a reader of the progress knows it."""
        batch = f' batch {self.batch_size}' if self.batch_size else ''
        lr = f' lr x{self.lr_factor:g}' if self.lr_factor != 1 else ''
        return (
            f'{" ".join([Path(self.config).stem, *self.options])}{batch}{lr} '
            f'temperature {self.temperature:g} seed {self.seed}'
        )


class Plan(NamedTuple):
    """What all runs of a sweep share.

    Attributes:
        out: Folder of lines and logs.
        work_dir: Has a folder for each run.
        metric: Of validation.
        flags: Of ``mmdcl train``, and but for ``--fast`` of the others.
        linear: Dataset of a linear evaluation; None for none.
        threads: Of a process.
    """

    out: Path
    work_dir: Path
    metric: str
    flags: tuple[str, ...]
    linear: str | None
    threads: int


class RunFailedError(RuntimeError):
    """With what the run said last."""


class NoMetricError(RunFailedError):
    """Validation has no such metric, by which all runs are compared."""


class Processes:
    """Those of a sweep, which end with it.

    Args:
        jobs: How many run at a time.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._running: list[subprocess.Popen] = []
        self.stopped = False

    def run(self, words: Sequence[str], out: Path, threads: int) -> int:
        """Of ``mmdcl``, to its end; returns the exit code."""
        cores = dict(
            OMP_NUM_THREADS=str(threads),
            LOCAL_WORLD_SIZE=str(self._jobs),  # no one's views take another's
        )
        with out.open('w') as file:
            process = subprocess.Popen(
                [sys.executable, '-m', 'mmdcl', *words],
                env={**os.environ, **cores},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is passed on by `stop`
            )
        self._running.append(process)
        try:
            return process.wait()
        finally:
            self._running.remove(process)

    def stop(self) -> None:
        """Ask all that are running to save and end."""
        self.stopped = True
        for process in list(self._running):
            process.send_signal(signal.SIGTERM)


def run_one(
    setting: Setting,
    lr: float | None,
    plan: Plan,
    processes: Processes,
    before: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Train, test and evaluate once.

    Args:
        setting: Of the run.
        lr: Learning rate, if it is not the config's.
        plan: Of the sweep.
        processes: Where to start it.
        before: Its line without the linear evaluation, which alone is done.

    Returns:
        The line.

    Raises:
        NoMetricError: It logged no such metric.
        RunFailedError: It failed.
    """
    start = time.time()
    folder = plan.work_dir / setting.name
    folder.mkdir(parents=True, exist_ok=True)

    def mmdcl(command: str, *words: str) -> None:
        if processes.stopped:
            raise RunFailedError('stopped')
        out = folder / f'{command}.out'
        code = processes.run([command, *words], out, plan.threads)
        if code and not processes.stopped:
            raise RunFailedError(_why(command, code, out))
        if code:
            raise RunFailedError('stopped')

    if before is None:
        row = _trained(setting, lr, plan, folder, mmdcl)
        seconds = max(round(time.time() - start), row['seconds'])
        row |= dict(seconds=seconds, threads=plan.threads)
        row |= provenance()
    else:
        row = dict(before)
    if plan.linear:
        row['test'] = row['test'] | _linear(setting, lr, plan, folder, mmdcl)
    return row


def _why(command: str, code: int, out: Path) -> str:
    """What it said: its error, or the last lines."""
    said = out.read_text(errors='replace').splitlines()
    errors = [i for i, x in enumerate(said) if x.startswith('error: ')]
    said = said[errors[-1] :] if errors else said[-_LINES:]
    end = ''.join(f'\n    {line}' for line in said)
    number = -code if code < 0 else code - 128
    ended = f' (signal {number})' if 0 < number < 65 else ''
    return f'{command} failed{ended}, {out} ends in{end}'


def _options(setting: Setting) -> list[str]:
    return [
        f'model.head.temperature={setting.temperature}',
        f'randomness.seed={setting.seed}',
        *setting.options,
    ]


def _words(
    setting: Setting, lr: float | None, plan: Plan, folder: Path
) -> list[str]:
    """Of ``mmdcl train``, without ``--resume``."""
    words = [setting.config, '--work-dir', str(folder), *plan.flags]
    words += ['--no-report', *(['--auto-scale-lr'] * bool(setting.batch_size))]
    words += ['--cfg-options', *_options(setting)]
    if setting.batch_size:
        words.append(f'train_dataloader.batch_size={setting.batch_size}')
    if lr is not None:
        words.append(f'optim_wrapper.optimizer.lr={lr:.6g}')
    return words


def _trained(
    setting: Setting, lr: float | None, plan: Plan, folder: Path, mmdcl: Any
) -> dict[str, Any]:
    words = _words(setting, lr, plan, folder)
    now = dict(words=words, commit=provenance()['commit'])
    before = _note(folder)
    folder.joinpath(_NOTE).write_text(json.dumps(now))
    run = _run_of(folder) if before else None
    if run is not None and before != now:
        print(
            f'{setting.text()}: {folder} has a run of other settings or '
            'another commit; it begins anew',
            flush=True,
        )
        run = None
    if run is None or not run.finished:
        resume = ['--resume'] if run is not None else []
        mmdcl('train', *words[:1], *resume, *words[1:])
        run = _run_of(folder)
    values = [] if run is None else run.series(plan.metric)[1]
    if run is None or not values:
        there = ', '.join(run.metrics if run else ()) or 'none'
        raise NoMetricError(
            f'no {plan.metric} in {folder}, validation has {there}: give '
            '--metric one of these; what is trained is not trained again'
        )
    metrics = folder / 'test.json'
    checkpoint = Path(folder, 'last_checkpoint').read_text()
    test = ['--work-dir', str(folder), *_not_fast(plan)]
    test += ['--out', str(metrics), '--cfg-options', *_options(setting)]
    mmdcl('test', setting.config, checkpoint, *test)
    return dict(
        setting._asdict(),
        options=list(setting.options),
        flags=list(plan.flags),
        **_facts(run),
        val_start=values[0] if run.validation[0]['step'] == 0 else None,
        val=values[-1],
        test=json.loads(metrics.read_text()),
        seconds=round(run.seconds or 0),
        log=str(_kept_log(run, setting, plan).relative_to(plan.out)),
    )


def _not_fast(plan: Plan) -> list[str]:
    return [x for x in plan.flags if x != '--fast']


def _note(folder: Path) -> dict[str, Any] | None:
    """What was started in a folder; None if it is not known."""
    try:
        found = json.loads(folder.joinpath(_NOTE).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _run_of(folder: Path) -> Any:
    """What training left; None if it had logged nothing."""
    from ..errors import UserError
    from ..report.runs.folder import read_run

    try:
        return read_run(folder)
    except UserError:
        return None


def _facts(run: Any) -> dict[str, Any]:
    """What the tables tell runs apart by, and q in parts of training."""
    from ..report.runs.differences import batch_of, loss_of, recipe_digest
    from ..report.runs.facts import known

    found = known(run)
    batch, planned = batch_of(run), found.get('planned')
    q = run.series('npc_multiplier')[1]
    parts = min(_PARTS, len(q))
    cuts = [i * len(q) // parts for i in range(parts + 1)] if parts else []
    rates = run.series('lr')[1]
    return dict(
        loss=loss_of(run),
        recipe=recipe_digest(run),
        algorithm=str(found.get('model') or '').partition(',')[0],
        data=str(found.get('data') or '').partition(' in ')[0],
        batch=batch,
        lr=float(f'{max(rates):.3g}') if rates else None,
        epochs=run.validation[-1]['step'] if run.unit == 'epoch' else None,
        images=batch * planned if batch and planned else None,
        q=[round(statistics.mean(q[a:b]), 4) for a, b in pairwise(cuts)],
    )


def _kept_log(run: Any, setting: Setting, plan: Plan) -> Path:
    """All that was logged, of a resumed run joined, to six digits."""
    log = plan.out / 'logs' / f'{setting.name}.jsonl'
    log.parent.mkdir(parents=True, exist_ok=True)
    records = [*run.training, *run.quality, *run.validation]
    short = [{name: _six_digits(x) for name, x in y.items()} for y in records]
    log.write_text(''.join(f'{json.dumps(x)}\n' for x in short))
    return log


def _six_digits(value: Any) -> Any:
    return float(f'{value:.6g}') if isinstance(value, float) else value


def _linear(
    setting: Setting, lr: float | None, plan: Plan, folder: Path, mmdcl: Any
) -> dict[str, float]:
    newest = folder / 'last_checkpoint'
    checkpoint = newest.read_text() if newest.is_file() else ''
    words = _words(setting, lr, plan, folder)
    why = ''
    if not Path(checkpoint).is_file():
        why = f'its checkpoint is gone from {folder}'
    elif (_note(folder) or {}).get('words') != words:
        why = f'{folder} has another run by now'
    if why:
        raise RunFailedError(
            f'{setting.text()}: {why}, so --linear has nothing to evaluate; '
            f'remove its line from {plan.out / "runs.jsonl"} to train it again'
        )
    result = folder / 'linear'
    result.with_suffix('.jsonl').unlink(missing_ok=True)
    words = ['--protocol', 'linear', '--dataset', str(plan.linear)]
    words += ['--seed', str(setting.seed), '--out', str(result)]
    words += ['--work-dir', str(result), *_not_fast(plan)]
    mmdcl('evaluate', checkpoint, *words)
    line = result.with_suffix('.jsonl').read_text().splitlines()[-1]
    metrics = json.loads(line)['metrics']
    return {f'linear/{k.rpartition("/")[2]}': x for k, x in metrics.items()}
