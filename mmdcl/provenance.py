"""Where a number comes from: machine and commit."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from . import __version__

PACKAGE = Path(__file__).resolve().parent


def provenance(package: Path = PACKAGE) -> dict[str, str]:
    """``machine``, and ``commit`` or version.

    Args:
        package: Folder of the code.
    """
    return dict(machine=machine(), commit=commit(package))


def machine() -> str:
    """Processor, number of cores, GPUs."""
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [x.partition(':')[2].strip() for x in lines if 'model name' in x]
    query = ['--query-gpu=name', '--format=csv,noheader']
    gpus = answer('nvidia-smi', *query).replace('\n', ', ')
    processor = names[0] if names else platform.processor()
    return f'{processor}, {os.cpu_count()} cores, {gpus or "no GPU"}'


def cores() -> int:
    """That this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def commit(package: Path) -> str:
    """Of a checkout, ``+changes`` if its code differs; else the version."""
    if not package.parent.joinpath('.git').exists():
        return f'mmdcl {__version__}'
    in_git = ['git', '-C', str(package)]
    status = [*in_git, 'status', '--porcelain', '--untracked-files=no', '--']
    # Results grow while they are made.
    dirty = answer(*status, ':/', ':(top,exclude)results')
    head = answer(*in_git, 'rev-parse', '--short', 'HEAD')
    return head + ('+changes' if dirty else '')


def answer(*command: str) -> str:
    """What a program prints; nothing if it is not there."""
    if shutil.which(command[0]) is None:
        return ''
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip()
