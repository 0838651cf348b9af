"""One training at a time in a folder, which can be written to."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from mmengine.config import Config

from mmdcl.checkpoints.room import size_text
from mmdcl.cli.work_dir import (
    claim_work_dir,
    on_main_rank,
    own_log_folder,
    prepare_work_dir,
)
from mmdcl.engine import lock
from tests.ranks import on_ranks
from tests.runs import runner

HOLD = """
import sys, time
from types import ModuleType
room = ModuleType('mmdcl.engine')  # the whole one takes seconds to import
room.__path__ = [{room!r}]
sys.modules[room.__name__] = room
from mmdcl.engine import lock
print('>', lock.hold(sys.argv[1]), flush=True)
if len(sys.argv) > 2:
    import os
    if os.fork() == 0:  # as a worker of a dataloader
        print(os.getpid(), flush=True)
        time.sleep(60)
time.sleep(60)
""".format(room=str(lock.__file__).rpartition('/')[0])
WHERE = dict(type='mmdcl.WorkDirHook')


@pytest.fixture(autouse=True)
def _released():
    yield
    lock.release()


@pytest.fixture
def other(tmp_path):
    """Another process that trains in ``tmp_path``."""
    started = []

    def start(*args):
        done = subprocess.Popen(
            [sys.executable, '-c', HOLD, tmp_path, *args],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(done)
        done.said = done.stdout.readline()
        return done

    yield start
    for process in started:
        process.kill()
        process.wait()


def change(path, **more):
    """As if the owner, which is dead, had been another one."""
    owner = json.loads(path.read_text())
    path.write_text(json.dumps({**owner, **more}))


def test_the_second_run_in_a_folder_is_refused(tmp_path, other):
    first = other()
    match = (
        rf'{tmp_path} is in use: process {first.pid} on '
        rf'{socket.gethostname()} trains there since 20\d\d-.* Choose another'
    )
    with pytest.raises(BlockingIOError, match=match):
        lock.hold(tmp_path)
    run = runner(tmp_path, custom_hooks=[WHERE])
    with pytest.raises(ValueError, match=match):
        run.train()
    assert run.iter == 0
    assert first.poll() is None


def test_a_lock_counts_whatever_the_file_says(tmp_path, other):
    """Another container has other process numbers."""
    other()
    path = tmp_path / '.running'
    change(path, pid=2**22 + 1)
    with pytest.raises(BlockingIOError, match='process 4194305 on'):
        lock.hold(tmp_path)
    path.write_text('')
    with pytest.raises(BlockingIOError, match='another process trains there'):
        lock.hold(tmp_path)


def test_processes_are_told_apart(other):
    first = other()
    names = {lock.identity(first.pid), lock.identity(os.getpid())}
    assert len(names) == 2
    assert None not in names
    first.kill()
    while lock.identity(first.pid) is not None:  # a zombie until waited for
        time.sleep(0.01)
    first.wait()
    assert lock.identity(first.pid) is None


@pytest.mark.parametrize('worker', [(), ('worker',)])
def test_a_killed_process_is_succeeded_at_once(worker, tmp_path, other):
    """Also while its workers have not noticed yet."""
    first = other(*worker)
    orphan = int(first.stdout.readline()) if worker else 0
    first.kill()
    first.wait()
    try:
        said = lock.hold(tmp_path)
        assert f'of process {first.pid} on' in said
        assert 'took over' in said
        owner = json.loads(tmp_path.joinpath('.running').read_text())
        assert owner['pid'] == os.getpid()
    finally:
        if orphan:
            os.kill(orphan, signal.SIGKILL)


def test_a_folder_is_free_after_the_run(tmp_path, other):
    lock.hold(tmp_path)
    assert lock.hold(tmp_path) == ''
    assert tmp_path.joinpath('.running').exists()
    lock.release()
    assert not tmp_path.joinpath('.running').exists()
    assert other().said == '> \n'


def test_a_lock_file_without_a_locking_file_system(tmp_path, monkeypatch):
    """What the file says counts where ``lockf`` is not supported."""
    monkeypatch.setattr(lock, 'fcntl', None)
    path = tmp_path / '.running'
    lock.hold(tmp_path)
    monkeypatch.setattr(lock, 'held', {})
    with pytest.raises(BlockingIOError, match=f'process {os.getpid()} on'):
        lock.hold(tmp_path)
    # A later process of the same number; another one; an interrupted write.
    for more in (dict(process='earlier'), dict(pid=2**22 + 1)):
        change(path, **more)
        assert 'took over' in lock.hold(tmp_path)
        lock.held.clear()
    for content in ('', '{', '[]'):
        path.write_text(content)
        assert lock.hold(tmp_path) == ''
        lock.held.clear()


def test_another_host_counts_as_alive_while_it_gives_signs(
    tmp_path, other, monkeypatch
):
    killed = other()
    killed.kill()
    killed.wait()  # until then it holds the lock
    path = tmp_path / '.running'
    change(path, host='elsewhere')
    match = r'on elsewhere trains there since .* remove .*\.running'
    with pytest.raises(BlockingIOError, match=match):
        lock.hold(tmp_path)
    old = time.time() - 601
    os.utime(path, (old, old))
    assert 'took over' in lock.hold(tmp_path)
    os.utime(path, (old, old))
    lock.keep_alive()
    assert path.stat().st_mtime > old + 600
    lock.release()
    # Slurm starts a job again, elsewhere, after it has killed it.
    lock.hold(tmp_path)
    change(path, host='elsewhere', job=['7', None])
    monkeypatch.setattr(lock, 'held', {})
    monkeypatch.setenv('SLURM_JOB_ID', '7')
    with pytest.raises(BlockingIOError, match='elsewhere'):
        lock.hold(tmp_path)
    monkeypatch.setenv('SLURM_RESTART_COUNT', '1')
    assert 'took over' in lock.hold(tmp_path)


def run_on_ranks(rank, path, **kwargs):
    os.environ['LOCAL_RANK'] = str(rank)
    return runner(
        path,
        custom_hooks=[WHERE],
        launcher='pytorch',
        model_wrapper_cfg=dict(
            type='MMDistributedDataParallel', device_ids=None
        ),
        **kwargs,
    )


def refused_on_all_ranks(rank, path, pid):
    with pytest.raises(ValueError, match=f'process {pid} on'):
        run_on_ranks(rank, path).train()


def same_checkpoint_on_all_ranks(rank, path):
    own = str(path / f'epoch_{rank}.pth')
    run = run_on_ranks(rank, path, load_from=own, resume=rank == 0)
    with pytest.raises(ValueError, match=r'no .*epoch_0\.pth on ranks \[0, 1'):
        run.train()
    assert run._load_from == str(path / 'epoch_0.pth')
    assert run._resume


def test_all_ranks_do_as_the_first_one(tmp_path, other):
    on_ranks(2, same_checkpoint_on_all_ranks, tmp_path)
    first = other()
    on_ranks(2, refused_on_all_ranks, tmp_path, first.pid)


def test_the_hooks_own_folder_is_claimed_too(tmp_path, other):
    """Two work_dirs of one name write to the same ``out_dir``."""
    out_dir = tmp_path / 'out'
    cfg = Config(
        dict(
            launcher='none',
            work_dir=str(tmp_path / 'a' / 'run'),
            default_hooks=dict(checkpoint=dict(out_dir=str(out_dir))),
        )
    )
    prepare_work_dir(cfg.work_dir)
    claim_work_dir(cfg)
    assert cfg.custom_hooks == [WHERE]
    assert (out_dir / 'run' / '.running').exists()
    assert (tmp_path / 'a' / 'run' / '.running').exists()
    claim_work_dir(cfg)
    assert cfg.custom_hooks == [WHERE]


def test_only_the_first_process_claims(monkeypatch):
    monkeypatch.setenv('RANK', '1')
    monkeypatch.setenv('SLURM_PROCID', '2')
    assert on_main_rank('none')
    assert not on_main_rank('pytorch')
    assert not on_main_rank('slurm')
    monkeypatch.setenv('RANK', '0')
    assert on_main_rank('pytorch')
    assert on_main_rank('mpi')


def test_log_folders_never_collide(tmp_path):
    """mmengine names them by the second."""
    for _ in range(2):
        now = tmp_path / time.strftime('%Y%m%d_%H%M%S')
        now.mkdir(exist_ok=True)
        with own_log_folder(Config(dict(work_dir=str(tmp_path)))):
            name = time.strftime('%Y%m%d_%H%M%S')
            assert not tmp_path.joinpath(name).exists()


def test_a_runner_in_another_process_is_waited_for(tmp_path):
    wait = (
        'import sys, time; from mmengine.config import Config\n'
        'from mmdcl.cli.work_dir import own_log_folder\n'
        'with own_log_folder(Config(dict(work_dir=sys.argv[1]))):\n'
        '    print("inside", flush=True); time.sleep(1)\n'
        '    open(sys.argv[1] + "/left", "w")\n'
    )
    with subprocess.Popen(
        [sys.executable, '-c', wait, tmp_path], stdout=subprocess.PIPE
    ) as first:
        first.stdout.readline()
        with own_log_folder(Config(dict(work_dir=str(tmp_path)))):
            assert tmp_path.joinpath('left').exists()


def test_a_work_dir_that_cannot_be_made(tmp_path):
    tmp_path.joinpath('file').touch()
    match = r'cannot write .* the work_dir .*file/run: Not a directory'
    with pytest.raises(OSError, match=match):
        prepare_work_dir(tmp_path / 'file' / 'run')
    prepare_work_dir(tmp_path / 'a' / 'b')
    assert not list(tmp_path.joinpath('a', 'b').iterdir())


@pytest.mark.parametrize(
    ('number', 'free', 'said'),
    [
        (errno.ENOSPC, 8, r'No space left on device \(.*free there\)'),
        (errno.ENOSPC, 0, r'No space left on device \(no inodes are left'),
        (errno.EROFS, 8, r'Read-only file system;'),
        (errno.EDQUOT, 8, r'Disk quota exceeded'),
    ],
)
def test_a_work_dir_without_room(number, free, said, tmp_path, monkeypatch):
    """64 kB are tried: less holds no log."""

    def fsync(fd):
        assert os.fstat(fd).st_size == 65536
        raise OSError(number, os.strerror(number))

    found = list(os.statvfs(tmp_path))
    found[7] = free  # inodes
    monkeypatch.setattr(os, 'fsync', fsync)
    monkeypatch.setattr(os, 'statvfs', lambda _: os.statvfs_result(found))
    with pytest.raises(
        OSError, match=f'cannot write .* the work_dir .*{said}'
    ):
        prepare_work_dir(tmp_path)
    assert not list(tmp_path.iterdir())


def test_sizes_for_people():
    assert size_text(8000) == '8 kB'
    assert size_text(1_234_567_890) == '1.23 GB'
    assert size_text(2e15) == '2e+03 TB'
