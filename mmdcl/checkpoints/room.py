"""How much room there is for a file, in words."""

import os
import shutil
from pathlib import Path


def existing(folder: str | Path) -> Path:
    """The folder, or the one above it in which it would be made."""
    path = Path(folder).absolute()
    while not path.exists():
        path = path.parent
    return path


def free_text(folder: str | Path) -> str:
    """What is left on its file system, if that is what is missing."""
    path = existing(folder)
    if not hasattr(os, 'statvfs'):
        return ''
    system = os.statvfs(path)
    if system.f_files and not system.f_favail:
        return ' (no inodes are left there: remove some files)'
    return f' ({size_text(shutil.disk_usage(path).free)} free there)'


def size_text(size: float) -> str:
    """Bytes for people, in powers of 1000 as ``ls`` and ``df -H`` show."""
    for unit in ('bytes', 'kB', 'MB', 'GB'):
        if size < 1000:
            return f'{size:.3g} {unit}'
        size /= 1000
    return f'{size:.3g} TB'
