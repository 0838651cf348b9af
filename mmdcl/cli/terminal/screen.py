"""What a user sees: lines and, in a terminal, a bar below them."""

import os
import time
from contextlib import suppress
from typing import Any, TextIO

_SECONDS = 0.1  # between two drawings of the bar


class Screen:
    """A stream for lines that keeps a bar below them while there is one.

    The bar is drawn when it is told to move, not by a thread: a worker of a
    dataloader that is forked while a thread draws would inherit its lock.
    Nothing ends because nobody reads any more: `head`, a closed terminal.

    Args:
        out: Where to, such as ``sys.stdout``.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._process = os.getpid()
        self._bar: Any = None
        self._begun = ''  # a line that has not ended
        self._drawn = 0.0

    def write(self, text: str) -> int:
        if self._bar is None or os.getpid() != self._process:
            return self._out.write(text)
        *lines, self._begun = (self._begun + text).split('\n')
        for line in lines:
            plain = dict(markup=False, highlight=False, soft_wrap=True)
            self._bar.console.print(line, **plain)
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    @property
    def closed(self) -> bool:
        """As of any stream: upstream's backend for MLflow asks."""
        return self._out.closed

    def show(self, line: str) -> None:
        """A line, at once, also where others read it from a pipe."""
        with suppress(OSError):
            self.write(f'{line}\n')
            self.flush()

    def start(self, total: int, done: int) -> None:
        """A bar of so many iterations, if this is a terminal."""
        if not self._out.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(file=self._out)
        if not console.is_interactive:
            return
        columns = ('{task.description}', '{task.fields[after]}')
        before, after = (TextColumn(x, markup=False) for x in columns)
        self._bar = Progress(
            before,
            BarColumn(),
            after,
            console=console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task('', total=total, after='')
        self._bar.start()
        console.show_cursor(True)  # else it stays hidden after a kill
        self.move(done, now=True)

    def move(
        self, done: int, before: str = '', after: str = '', now: bool = False
    ) -> None:
        """Let the bar stand at an iteration, between two short texts."""
        recent = time.monotonic() - self._drawn < _SECONDS
        if self._bar is None or (recent and not now):
            return
        self._drawn = time.monotonic()
        self._bar.update(
            self._task, completed=done, description=before, after=after
        )
        with suppress(OSError):
            self._bar.refresh()

    def stop(self) -> None:
        """Leave the lines, and take the bar away."""
        if self._bar is None:
            return
        bar, self._bar = self._bar, None
        begun, self._begun = self._begun, ''
        bar.update(self._task, visible=False)
        with suppress(OSError):
            bar.stop()
            self._out.write(begun)
