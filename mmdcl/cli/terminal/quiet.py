"""What other packages say goes into the log file; mmdcl's word is seen.

They print, warn and log, much of it while they are imported, when there is no
log file yet: that is held until there is one. Errors are seen, whoever has
them, and so is what the user's own code says.
"""

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .layout import Plain
from .screen import Screen
from .speakers import other_package

_LINE = '%(asctime)s - %(name)s - %(levelname)s - %(message)s'
_COLOURS = re.compile(r'\x1b\[[\d;]*m')


class Quiet:
    """Stands between those who speak and the console.

    Args:
        out: The console.
    """

    def __init__(self, out: Any) -> None:
        self.screen = Screen(out)
        self.others = 0  # messages of other packages
        self._out = out
        self._file: logging.Handler | None = None
        self._held: list[logging.LogRecord] = []
        self._begun: dict[str, str] = {}  # lines that have not ended

    # A stream: what is printed.

    def write(self, text: str) -> int:
        module = other_package()
        if module is None:
            return self.screen.write(text)
        *lines, rest = (self._begun.pop(module, '') + text).split('\n')
        if rest:
            self._begun[module] = rest
        said = _COLOURS.sub('', '\n'.join(lines)).strip()
        if said:
            self._take(module, logging.INFO, said)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)

    def warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> None:
        """Stands for ``warnings.showwarning``."""
        module = other_package()
        text = warnings.formatwarning(
            message, category, filename, lineno, line
        )
        if module and file is None:
            self._take(module, logging.WARNING, text.strip())
        else:
            (file or sys.stderr).write(text)

    def last_resort(self, record: logging.LogRecord) -> None:
        """Stands for ``logging.lastResort``: nobody else took the record."""
        module = other_package()
        if module:
            self._take(module, record.levelno, record.getMessage())
        if not module or record.levelno >= logging.ERROR:
            print(record.getMessage(), file=sys.stderr)

    def take_over(self, runner: Any) -> None:
        """Let a runner's log file have all, and the console little."""
        for handler in runner.logger.handlers:
            if isinstance(handler, logging.FileHandler):
                self._file = handler
            elif isinstance(handler, logging.StreamHandler):
                handler.addFilter(_seen)
                handler.setFormatter(Plain())
                handler.setStream(self.screen)
        if self._file is not None:
            for record in self._held:
                self._file.handle(record)
            self._held.clear()

    def give_file(self, runner: Any) -> None:
        """A rank without a log file gets one if others speak from now on.

        What they said on the way here they said on the first rank, too.
        """
        if self._file is None:
            self._held.clear()
            name = f'{runner.timestamp}_rank{runner.rank}.log'
            path = Path(runner.log_dir, name)
            self._file = logging.FileHandler(path, delay=True)
            self._file.setFormatter(logging.Formatter(_LINE))

    def end_lines(self) -> None:
        """Take what has been begun and will not be ended."""
        for module in [*self._begun]:
            self._take(module, logging.INFO, self._begun.pop(module))

    def tell(self) -> None:
        """Print what is held, as no log file came."""
        self.end_lines()
        for record in self._held:
            if record.levelno < logging.ERROR:  # else it was printed
                print(record.getMessage(), file=sys.stderr)
        self._held.clear()

    def forget(self) -> None:
        """Drop what is held: all went well, and there is no log file."""
        self.end_lines()
        self._held.clear()

    def _take(self, module: str, level: int, text: str) -> None:
        self.others += 1
        record = logging.LogRecord(module, level, '', 0, text, (), None)
        if self._file is None:
            self._held.append(record)
        else:
            self._file.handle(record)


def _seen(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR or other_package() is None


_active: list[Quiet] = []


def active() -> Quiet | None:
    """Who stands before the console of this process, if anybody does."""
    return _active[-1] if _active else None


@contextmanager
def quiet(wanted: bool = True) -> Iterator[None]:
    """Keep other packages off the console, if that is wanted."""
    if not wanted:
        yield
        return
    now = Quiet(sys.stdout)
    before = sys.stdout, warnings.showwarning, logging.lastResort
    handler = logging.Handler(logging.WARNING)
    handler.emit = now.last_resort  # type: ignore[method-assign]
    sys.stdout, warnings.showwarning, logging.lastResort = (
        now,
        now.warn,
        handler,
    )
    _active.append(now)
    try:
        yield
        now.tell()
    except Exception:
        _before_a_traceback(now)
        raise
    finally:
        now.end_lines()
        now.screen.stop()
        _active.remove(now)
        sys.stdout, warnings.showwarning, logging.lastResort = before


def _before_a_traceback(now: Quiet) -> None:
    """What is held may explain an error that mmdcl cannot explain."""
    usual = sys.excepthook

    def show(*error: Any) -> None:
        now.tell()
        sys.excepthook = usual
        usual(*error)

    sys.excepthook = show
