"""``tools/train.py`` in folders that others use or have left behind."""

import os
import subprocess
import sys
import time

from tests.cli.test_configuration import DIGITS, ROOT

SMALL = [
    'train_dataloader.dataset.indices=64',
    'train_dataloader.batch_size=32',
    'default_hooks.checkpoint.interval=1',
]


def command(work_dir, *flags, epochs=1, options=()):
    return [
        sys.executable,
        str(ROOT / 'tools' / 'train.py'),
        DIGITS,
        '--no-validate',
        '--no-report',
        *(() if work_dir is None else ('--work-dir', str(work_dir))),
        *flags,
        '--cfg-options',
        *SMALL,
        f'train_cfg.max_epochs={epochs}',
        *options,
    ]


def train(*args, **kwargs):
    done = subprocess.run(
        command(*args, **kwargs),
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )
    return done.returncode, done.stdout, done.stderr


def test_a_folder_in_use_a_killed_run_and_a_broken_checkpoint(
    tmp_path, monkeypatch
):
    """The second is refused; after ``kill -9`` it goes on from the good."""
    monkeypatch.chdir(tmp_path)
    run = tmp_path / 'run'
    with subprocess.Popen(
        command(run, epochs=2000),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as first:
        deadline = time.monotonic() + 200
        while not run.joinpath('epoch_3.pth').exists():
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        code, _, error = train(run)
        assert code == 1
        assert f'error: {run} is in use: process {first.pid} on ' in error
        assert 'Traceback' not in error
        assert first.poll() is None
        first.kill()
    last = max(run.glob('epoch_*.pth'), key=lambda x: int(x.stem[6:]))
    last.write_bytes(last.read_bytes()[:-1])
    run.joinpath('last_checkpoint').write_bytes(b'\xff\xfe')
    epochs = int(last.stem[6:]) + 1
    # The folder by an option, so that it is known late.
    code, out, error = train(
        None,
        '--resume',
        '--resume-with-changes',
        epochs=epochs,
        options=[f'work_dir={run}'],
    )
    assert code == 0, out + error
    assert f'took over {run}/.running of process {first.pid} on' in out
    assert f'passed over: {last} is cut short' in out
    assert 'last_checkpoint is not UTF-8 and was ignored' in out
    assert f'resuming {run}/epoch_{epochs - 2}.pth, the newest good' in out
    done = f'{epochs - 2} epochs, {2 * epochs - 4} iterations'
    assert f'resumed from run/epoch_{epochs - 2}.pth after {done}' in out
    assert run.joinpath(f'epoch_{epochs}.pth').is_file()
    assert not run.joinpath('.running').exists()
    assert not tmp_path.joinpath('work_dirs').exists()


def test_nothing_to_resume(tmp_path):
    code, out, error = train(tmp_path, '--resume')
    assert code == 0, error
    assert f'nothing to resume in {tmp_path}; training starts anew' in out
    assert 'checkpoint None' not in out + error
