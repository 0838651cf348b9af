"""How commands end when they are told to, and what watches over training."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_NAMES = ('SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGHUP')


@contextmanager
def ends_with_a_word() -> Iterator[None]:
    """A signal ends this process at once, with a line and no traceback.

    Training, where there is something to save, has handlers of its own:
    ``mmdcl.InterruptHook``. Signals that are ignored stay so.
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number and signal.getsignal(number) in (
                signal.SIG_DFL,
                signal.default_int_handler,
            ):
                before[number] = signal.signal(number, _ender(os.getpid()))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ender(process: int) -> Any:
    def end(number: int, frame: Any) -> None:
        if os.getpid() == process:  # not a worker that was forked
            with suppress(OSError):
                os.write(2, f'{signal.Signals(number).name}: ended\n'.encode())
            for child in multiprocessing.active_children():
                child.kill()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    return end


def watch_training(cfg: Any) -> None:
    """Add what saves at a signal and notices silent ranks, if absent."""
    hooks = [*(cfg.get('custom_hooks') or [])]
    names = [hook.get('type') for hook in hooks if isinstance(hook, dict)]
    kinds = ('mmdcl.HeartbeatHook', 'mmdcl.InterruptHook')
    new = [dict(type=kind) for kind in kinds if kind not in names]
    cfg.custom_hooks = [*new, *hooks]
