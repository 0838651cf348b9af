"""How commands end when they are told to, and what watches over training."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..handlers import Handlers, end_children, say
from .hooks import add_hooks


@contextmanager
def ends_with_a_word() -> Iterator[None]:
    """A signal ends this process at once, with a line and no traceback.

    Training, where there is something to save, has handlers of its own:
    ``mmdcl.InterruptHook``. Signals that are ignored stay so.
    """
    process = os.getpid()

    def end(number: int, frame: Any) -> None:
        if os.getpid() == process:  # not what was forked
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


def watch_training(cfg: Any) -> None:
    """Add what saves at a signal and notices silent ranks, if absent."""
    names = ('HeartbeatHook', 'InterruptHook')
    add_hooks(cfg, *(dict(type=f'mmdcl.{x}') for x in names), first=True)
