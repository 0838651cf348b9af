"""How commands end: by a signal, or by a mistake that mmdcl explains."""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from ..errors import UserError
from ..handlers import Handlers, end_children, say
from .ranks import REPORT, report

TRACEBACK = 'MMDCL_TRACEBACK'  # environment: errors come with theirs
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


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
    """What a user can mend ends the process in one sentence.

    Everything else is a mistake of ours or of others, and keeps its
    traceback; so does all with ``MMDCL_TRACEBACK`` in the environment.
    """
    try:
        with ends_with_a_word():
            yield
            sys.stdout.flush()  # a reader that is gone is noticed here
    except SystemExit as end:
        if isinstance(end.code, str):
            _end(end.code)
        report('', end.code)
        raise
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except (UserError, OSError) as error:
        ours = isinstance(error, UserError)
        sentence = error.sentence if ours else _of_the_system(error)
        if not sentence or TRACEBACK in os.environ:
            raise
        _end(f'error: {sentence}')


def _end(text: str) -> NoReturn:
    """Exit with code 1 and a text; one of several ranks hands it on."""
    sys.exit(1 if report(text, 1) else text)


def _of_the_system(error: OSError) -> str:
    """A sentence where the system says no, whoever asked it; or nothing."""
    if error.errno in _FULL:  # a log, a plot
        return f'cannot write {error.filename or "a file"}: {error.strerror}'
    shut = error.errno in (errno.EACCES, errno.ELOOP)
    if not shut or not error.filename:
        return ''
    links = (
        '; mmdcl.CustomDataset and mmdcl.ImageNet leave out links that lead '
        'in circles'
    )
    return f'cannot open {str(error.filename)[:99]}: {error.strerror}' + (
        links if error.errno == errno.ELOOP else ''
    )
