"""Where a number comes from: machine and commit."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from .. import __version__

_PACKAGE = Path(__file__).resolve().parent.parent


def _shell(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ''
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=_PACKAGE
    )
    return done.stdout.strip()


def _commit() -> str:
    """Of a checkout; what is installed elsewhere has a version."""
    if not _PACKAGE.parent.joinpath('.git').exists():
        return f'mmdcl {__version__}'
    dirty = _shell(
        'git',
        'status',
        '--porcelain',
        '--untracked-files=no',
        '--',
        ':/',
        ':(top,exclude)results',  # which grow while they are made
    )
    commit = _shell('git', 'rev-parse', '--short', 'HEAD')
    return commit + ('+changes' if dirty else '')


def provenance() -> dict[str, str]:
    """``machine`` and ``commit`` (``+changes`` if the code differs)."""
    cpuinfo = Path('/proc/cpuinfo')
    names = [
        line.partition(':')[2].strip()
        for line in (
            cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
        )
        if line.startswith('model name')
    ]
    gpus = _shell('nvidia-smi', '--query-gpu=name', '--format=csv,noheader')
    return dict(
        machine=f'{names[0] if names else platform.processor()}, '
        f'{os.cpu_count()} cores, {gpus.replace(chr(10), ", ") or "no GPU"}',
        commit=_commit(),
    )
