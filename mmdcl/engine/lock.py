"""One training at a time in a folder."""

import atexit
import errno
import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import UserBlockingIOError, UserPermissionError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = '.running'
_SILENT = 600  # seconds after which a process on another host counts as dead
#: What this process holds: by the lock, its file descriptor and the process.
held: dict[Path, tuple[int, int]] = {}


def hold(folder: str | Path) -> str:
    """Claim a folder for this process, until ``release`` or its end.

    A file ``.running`` says who trains here: host, process, since when. It is
    also locked (by record, so that workers which outlive a killed process do
    not hold it), which on most file systems works between hosts and
    containers. A process that holds a folder already may claim it again.

    Args:
        folder: An existing folder that can be written to.

    Returns:
        Whose lock was taken over because that process is dead, or nothing.

    Raises:
        BlockingIOError: Another process trains there.
        PermissionError: Another user trains or trained there.
    """
    path = Path(folder).resolve() / LOCK
    if held.get(path, (0, 0))[1] == os.getpid():
        return ''
    while True:
        fd, is_new = _open(path)
        owner = {} if is_new else _read(fd)
        silent = time.time() - os.fstat(fd).st_mtime
        locked = _lock(fd)
        if locked is False or (not is_new and _is_alive(owner, silent)):
            os.close(fd)
            raise UserBlockingIOError(_refusal(path, owner, silent))
        if _is_at(path, fd):
            break
        os.close(fd)  # removed by its owner in between
    _write(fd)
    held[path] = fd, os.getpid()
    if not owner:
        return ''
    return (
        f'took over {path} of {_name(owner)}, which ended without removing it'
    )


def keep_alive() -> None:
    """Show other hosts that this process still trains."""
    for path in held:
        with suppress(OSError):
            os.utime(path)


@atexit.register
def release() -> None:
    """Give up all folders."""
    for path, (fd, pid) in list(held.items()):
        if pid == os.getpid():  # not in a forked process
            with suppress(OSError):
                if _is_at(path, fd):
                    path.unlink()
            os.close(fd)
        del held[path]


def _open(path: Path) -> tuple[int, bool]:
    while True:
        with suppress(FileExistsError):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
            return os.open(path, flags, 0o644), True
        try:
            return os.open(path, os.O_RDWR), False
        except PermissionError as error:
            raise UserPermissionError(
                f'{path.parent} is in use by another user: {path} cannot be '
                'written to. Choose another --work-dir'
            ) from error
        except FileNotFoundError:
            continue


def _lock(fd: int) -> bool | None:
    """Whether it is ours now; None where files cannot be locked."""
    if fcntl is None:
        return None
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        taken = error.errno in (errno.EACCES, errno.EAGAIN)
        return False if taken else None
    return True


def _read(fd: int) -> dict[str, Any]:
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        owner = json.loads(os.read(fd, 4096))
    except ValueError:  # killed while it was written, or not written yet
        return {}
    return owner if isinstance(owner, dict) else {}


def _write(fd: int) -> None:
    owner = dict(
        host=socket.gethostname(),
        pid=os.getpid(),
        process=identity(os.getpid()),
        since=time.strftime('%Y-%m-%d %H:%M:%S'),
        job=_job(),
    )
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, json.dumps(owner).encode())
    os.fsync(fd)


def _is_at(path: Path, fd: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(fd), path.stat())
    return False


def identity(pid: int) -> str | None:
    """Tells a process from a later one of that number; None if it ended."""
    try:
        stat = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
        boot = Path('/proc/sys/kernel/random/boot_id').read_text().strip()
    except FileNotFoundError:
        if Path('/proc/self/stat').exists():
            return None
        try:  # no Linux
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except OSError:
            pass
        return 'alive'
    return None if stat[0] in 'ZX' else f'{boot} {stat[19]}'


def _job() -> list[str | None]:
    names = ('SLURM_JOB_ID', 'SLURM_RESTART_COUNT')
    return [os.environ.get(name) for name in names]


def _is_alive(owner: dict[str, Any], silent: float) -> bool:
    if not owner:
        return False
    if owner.get('host') == socket.gethostname():
        pid, process = owner.get('pid'), owner.get('process')
        return isinstance(pid, int) and identity(pid) == process is not None
    job, ours = owner.get('job') or [None, None], _job()
    if ours[0] and job[0] == ours[0] and job[1] != ours[1]:
        return False  # Slurm started the job again
    return silent < _SILENT


def _name(owner: dict[str, Any]) -> str:
    return f'process {owner.get("pid")} on {owner.get("host")}'


def _refusal(path: Path, owner: dict[str, Any], silent: float) -> str:
    who = _name(owner) if owner else 'another process'
    since = f' since {owner["since"]}' if owner.get('since') else ''
    advice = 'Choose another --work-dir, or end that one first'
    if owner.get('host') not in (None, socket.gethostname()):
        advice += (
            f'. Its last sign of life is {silent:.0f} s old; after '
            f'{_SILENT} s it counts as dead. If you know that it is, remove '
            f'{path}'
        )
    return f'{path.parent} is in use: {who} trains there{since}. {advice}'
