"""The folder of a run, before there is a runner."""

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmengine.dist import is_distributed, is_main_process

from ..checkpoints.newest import checkpoint_folder
from ..checkpoints.room import free_text
from ..errors import UserOSError
from .hooks import add_hooks

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PROBE = 64 * 1024  # bytes: a config, the start of a log
_RANK = {
    'pytorch': 'RANK',
    'slurm': 'SLURM_PROCID',
    'mpi': 'OMPI_COMM_WORLD_RANK',
}


def prepare_work_dir(work_dir: str | Path) -> None:
    """Make the folder, and write a small file into it as a try.

    Raises:
        OSError: It cannot be made or written to; the message says why.
    """
    folder = Path(work_dir)
    probe = folder / f'.probe-{socket.gethostname()}-{os.getpid()}'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with probe.open('wb') as file:
                file.write(bytes(_PROBE))
                file.flush()
                os.fsync(file.fileno())
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        free = free_text(folder) if full else ''
        raise UserOSError(
            f'cannot write {_PROBE // 1000} kB into the work_dir {folder}: '
            f'{error.strerror}{free}; choose another by --work-dir'
        ) from error


@contextmanager
def own_log_folder(cfg: Any) -> Iterator[None]:
    """A runner that is built inside gets a log folder of its own.

    mmengine names it by the second. Commands that build one in the same
    work_dir wait for each other, at most a minute.
    """
    work_dir = cfg.work_dir
    if fcntl is None or not on_main_rank(cfg.get('launcher', 'none')):
        yield
        return
    folder = os.open(work_dir, os.O_RDONLY)
    try:
        deadline = time.monotonic() + 60
        while not _flock(folder) and time.monotonic() < deadline:
            time.sleep(0.1)
        while Path(work_dir, time.strftime('%Y%m%d_%H%M%S')).exists():
            time.sleep(0.1)
        yield
    finally:
        os.close(folder)


def _flock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # not on this file system
        return True
    return True


def claim_work_dir(cfg: Any) -> None:
    """Hold the folders that training writes to, on the first rank.

    Raises:
        OSError: Another training runs there, or they cannot be written to.
    """
    # Slow to import, and --help needs none of it.
    from ..engine import lock
    from ..engine.agreement import agree

    add_hooks(cfg, dict(type='mmdcl.WorkDirHook'))
    problem = ''
    if on_main_rank(cfg.launcher):
        try:
            _hold(cfg, lock)
        except OSError as error:
            problem = str(error)
            if not is_distributed():
                raise
    if is_distributed():  # else the launcher ends the others
        agree(problem)


def _hold(cfg: Any, lock: Any) -> None:
    folders = [Path(cfg.work_dir)]
    out_dir = checkpoint_out_dir(cfg)
    if out_dir and '://' not in out_dir:
        folders.append(checkpoint_folder(cfg.work_dir, out_dir))
        prepare_work_dir(folders[-1])
    for folder in folders:
        took_over = lock.hold(folder)
        if took_over:
            print(took_over)


def on_main_rank(launcher: str = 'none') -> bool:
    """Whether this is the first process, also before they are connected."""
    if is_distributed():
        return is_main_process()
    return os.environ.get(_RANK.get(launcher, ''), '0') == '0'


def checkpoint_out_dir(cfg: Any) -> str | None:
    """``out_dir`` of the checkpoint hook of a config."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    out_dir = hook.get('out_dir')
    return out_dir and str(out_dir)
