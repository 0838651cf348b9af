"""A signal asks training to end; a second one ends it."""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from torch.utils.data import DataLoader

from ..handlers import Handlers, end_children, numbers, say

# Seconds within which signals count as one: launchers pass on what the
# terminal sends to all processes anyhow.
_TOGETHER = 1.0


class Signals:
    """Remembers the first signal that asks this process to end.

    A second one, a second or more after it, ends the process at once, by
    that signal. Signals that are ignored (``nohup``) stay so. Nothing is
    changed outside the main thread.

    Args:
        running: What is asked to end; an object with a method that is on the
            stack while it runs. When an error has ended it, signals do again
            what they did before.
        on_first: Called with the signal's name, may raise.
    """

    def __init__(self, running: Any, on_first: Callable[[str], None]) -> None:
        self.asked = ''
        self._asked_at = 0.0
        self._running, self._on_first = running, on_first
        self._pid = os.getpid()
        # None is a handler that is not Python's.
        kept = (signal.SIG_IGN, None)
        self._handlers = Handlers(self._receive, lambda x: x not in kept)

    def install(self) -> None:
        self._handlers.install()

    def restore(self) -> None:
        """Give back what was there before."""
        self._handlers.restore()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:  # a worker that was forked
            return
        if not self._runs(frame):
            self.restore()
            os.kill(self._pid, number)
        elif not self.asked:
            self.asked = signal.Signals(number).name
            self._asked_at = time.monotonic()
            self._on_first(self.asked)
        elif time.monotonic() - self._asked_at > _TOGETHER:
            say(f'{signal.Signals(number).name} again: ending at once')
            end_children(daemons_only=True)
            signal.signal(number, signal.SIG_DFL)
            os.kill(self._pid, number)

    def _runs(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_locals.get('self') is self._running:
                return True
            frame = frame.f_back
        return False


def shield(loader: Any) -> None:
    """Let a dataloader's workers outlive signals to the whole group.

    A terminal sends Ctrl-C to every process of the foreground, launchers and
    Slurm do likewise. Concerns workers that are started from now on.
    """
    if isinstance(loader, DataLoader) and not isinstance(
        loader.worker_init_fn, _Shielded
    ):
        loader.worker_init_fn = _Shielded(loader.worker_init_fn)


class _Shielded:
    def __init__(self, init: Callable[[int], Any] | None) -> None:
        self._init = init

    def __call__(self, worker: int) -> None:
        for number in numbers():
            if number != signal.SIGTERM:
                signal.signal(number, signal.SIG_IGN)
        # By SIGTERM the main process ends its workers, too: who sends it
        # decides.
        if hasattr(signal, 'sigwaitinfo'):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            threading.Thread(target=_obey_parent, daemon=True).start()
        if self._init is not None:
            self._init(worker)


def _obey_parent() -> None:
    parent = os.getppid()
    while True:
        sender = signal.sigwaitinfo({signal.SIGTERM}).si_pid
        if sender == parent or os.getppid() != parent:
            os._exit(0)
