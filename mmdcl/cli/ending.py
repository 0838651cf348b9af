"""How commands end: by a signal, or by a mistake that mmdcl explains."""

import errno
import json
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from ..handlers import Handlers, end_children, say
from .ranks import REPORT

_PACKAGE = Path(__file__).resolve().parent.parent


@contextmanager
def ends_with_a_word() -> Iterator[None]:
    """A signal ends this process at once, with a line and no traceback.

    Training, where there is something to save, has handlers of its own:
    ``mmdcl.InterruptHook``. Signals that are ignored stay so.
    """
    process = os.getpid()

    def end(number: int, frame: Any) -> None:
        if os.getpid() == process:  # not what was forked
            if REPORT not in os.environ:
                say(f'{signal.Signals(number).name}: ended')
            end_children()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    usual = (signal.SIG_DFL, signal.default_int_handler)
    handlers = Handlers(end, lambda before: before in usual)
    handlers.install()
    try:
        yield
    finally:
        handlers.restore()


@contextmanager
def ends_in_a_sentence() -> Iterator[None]:
    """Mistakes that mmdcl explains end the process in that sentence."""
    try:
        with ends_with_a_word():
            yield
    except SystemExit as end:
        if isinstance(end.code, str):
            _end(end.code)
        raise
    except (
        ArithmeticError,
        ImportError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        explanation = _explanation(error)
        if explanation is None or 'MMDCL_TRACEBACK' in os.environ:
            raise
        _end(
            f'error: {explanation}\n'
            '(MMDCL_TRACEBACK=1 shows where this comes from)'
        )


def _end(text: str) -> NoReturn:
    """Exit with code 1 and a text; one of several ranks hands it on."""
    report = os.environ.get(REPORT) and os.environ.get(
        'TORCHELASTIC_ERROR_FILE'
    )
    if not report:
        sys.exit(text)
    message = dict(message=text, extraInfo=dict(timestamp=int(time.time())))
    Path(report).write_text(json.dumps(dict(message=message)))
    sys.exit(1)


def _explanation(error: Exception) -> str | None:
    """What mmdcl itself says in an error, here or in a dataloader worker."""
    text = str(error.args[0] if isinstance(error, KeyError) else error)
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    if 'Original Traceback' in text:
        raised_in = re.findall(r'File "(.+?)", line', text)[-1]
        text = text.strip().splitlines()[-1].partition(': ')[2]
    full = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    if isinstance(error, OSError) and error.errno in full:  # a log, a plot
        return f'cannot write {error.filename or "a file"}: {error.strerror}'
    ours = Path(raised_in).is_relative_to(_PACKAGE)
    shut = isinstance(error, OSError) and error.filename and not ours
    if shut and error.errno in (errno.EACCES, errno.ELOOP):
        return (
            f'cannot open {str(error.filename)[:99]}: {error.strerror}; '
            'mmdcl.CustomDataset and mmdcl.ImageNet leave out links that lead '
            'in circles'
        )
    return text if ours else None
