"""Signals that ask a process to end, and who receives them.

Handlers are of one process. What it forks, such as the workers of a metric's
pool, waits in calls during which Python runs no handler: with SIGTERM handled,
who ends it by SIGTERM would wait for it, now and then for ever.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# Slurm sends the third as its notice; the last says that a terminal closed.
_NAMES = ('SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGHUP')


def numbers() -> list[int]:
    """Of these signals, as far as the system has them."""
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


def say(text: str) -> None:
    """Print a line, also from within a signal handler or beside a deadlock."""
    with suppress(OSError):
        os.write(2, f'{text}\n'.encode())


class Handlers:
    """One function for all of these signals, until they are given back.

    Nothing is changed outside the main thread. Processes that are forked
    meanwhile have the SIGTERM of before.

    Args:
        receive: Called with the number and the frame.
        over: Whether it may take the place of a handler.
    """

    def __init__(
        self,
        receive: Callable[[int, Any], None],
        over: Callable[[Any], bool],
    ) -> None:
        self._receive, self._over = receive, over
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in numbers():
            before = signal.getsignal(number)
            if self._over(before):
                self._before[number] = before
                signal.signal(number, self._receive)
        _installed.append(self)

    def restore(self) -> None:
        """Give back what was there before."""
        while self._before:
            self._give_back(*self._before.popitem())
        if self in _installed:
            _installed.remove(self)

    def in_child(self) -> None:
        if signal.SIGTERM in self._before:
            self._give_back(signal.SIGTERM, self._before[signal.SIGTERM])

    def _give_back(self, number: int, before: Any) -> None:
        # Not if someone else has taken it meanwhile.
        if signal.getsignal(number) == self._receive:
            signal.signal(number, before)


_installed: list[Handlers] = []


def _after_fork() -> None:
    for handlers in reversed(_installed):
        handlers.in_child()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)


def end_children(daemons_only: bool = False) -> None:
    """Kill what multiprocessing started, which else finds out late."""
    for child in multiprocessing.active_children():
        if child.daemon or not daemons_only:
            child.kill()
