"""Who is speaking: a package that is installed, or mmdcl and its user."""

import os
import sys
from pathlib import Path
from sysconfig import get_path
from types import FrameType

_MMDCL = f'{Path(__file__).resolve().parents[2]}{os.sep}'
_LIBRARIES = ('site-packages', 'dist-packages')
_STANDARD = get_path('stdlib')
# Often installed from a clone, which is nowhere near the others.
_OPENMMLAB = {'mmengine', 'mmcv', 'mmpretrain', 'mmdet', 'mmseg'}
_MESSENGERS = {'logging', 'warnings', 'contextlib', __name__}


def other_package() -> str | None:
    """The module that prints, warns or logs, if it is of another package.

    Looks at who called, past what only hands on; so it must be called while
    the message is on its way.

    Returns:
        Its name; None if it is mmdcl, or code of the user's.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _hands_on(_module(frame)):
        frame = frame.f_back
    if frame is None:
        return None
    module, path = _module(frame), frame.f_code.co_filename
    if path.startswith(_MMDCL):
        return None
    installed = path.startswith(_STANDARD) or any(
        name in Path(path).parts for name in _LIBRARIES
    )
    openmmlab = module.partition('.')[0] in _OPENMMLAB
    return module if installed or openmmlab else None


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get('__name__', ''))


def _hands_on(module: str) -> bool:
    return (
        module in _MESSENGERS
        or module.startswith(('mmengine.logging', 'logging.'))
        or module == f'{__package__}.quiet'
    )
