"""Headless Chromium, spoken to through two pipes: no package is needed."""

import fcntl
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
_FLAGS = ('headless=new', 'no-sandbox', 'disable-gpu', 'no-first-run')
_FLAGS += ('remote-debugging-pipe', 'disable-dev-shm-usage')
_FLAGS += ('disable-background-networking', 'hide-scrollbars')
_COMPLAINTS = ('Runtime.consoleAPICalled', 'Runtime.exceptionThrown')
_COMPLAINTS += ('Log.entryAdded', 'Page.javascriptDialogOpening')
_SECONDS = 120  # then it is ended, so that no test waits for ever


def find_browser() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab. What it asks for and complains about is kept.

    Attributes:
        requests: Addresses of all that was asked for.
        complaints: Of the console: errors, warnings, exceptions.
    """

    def __init__(self, commands, answers) -> None:
        self.commands, self.answers = commands, answers
        self.number, self.session, self._unread = 0, None, b''
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.ask('Target.createTarget', url='about:blank')
        attached = self.ask(
            'Target.attachToTarget', flatten=True, targetId=target['targetId']
        )
        self.session = attached['sessionId']
        for domain in ('Page', 'Network', 'Runtime', 'Log'):
            self.ask(f'{domain}.enable')

    def ask(self, method: str, **params) -> dict:
        """The answer to one command of the DevTools protocol."""
        number = self._say(method, params)
        return self._until(lambda x: x.get('id') == number)['result']

    def _say(self, method: str, params: dict) -> int:
        self.number += 1
        said = dict(id=self.number, method=method, params=params)
        if self.session:
            said['sessionId'] = self.session
        self.commands.write(json.dumps(said).encode() + b'\0')
        self.commands.flush()
        return self.number

    def _until(self, found) -> dict:
        while True:
            while b'\0' not in self._unread:
                read = self.answers.read1(1 << 20)
                assert read, 'the browser is gone'
                self._unread += read
            text, _, self._unread = self._unread.partition(b'\0')
            answer = json.loads(text)
            self._note(answer.get('method'), answer.get('params'))
            assert 'error' not in answer, answer
            if found(answer):
                return answer

    def _note(self, method: str | None, params: Any) -> None:
        if method == 'Network.requestWillBeSent':
            self.requests.append(params['request']['url'])
        elif method in _COMPLAINTS:
            self.complaints.append(f'{method}: {json.dumps(params)}')
        if method == 'Page.javascriptDialogOpening':  # the page waits
            self._say('Page.handleJavaScriptDialog', dict(accept=True))

    def open(self, path: Path, width: int, dark: bool = False) -> None:
        """Load a file at a width in CSS pixels, in one of two themes."""
        self.requests.clear()
        self.complaints.clear()
        theme = dict(
            name='prefers-color-scheme', value='dark' if dark else 'light'
        )
        self.ask('Emulation.setEmulatedMedia', features=[theme])
        self.ask(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        self.ask('Page.navigate', url=path.absolute().as_uri())
        self._until(lambda x: x.get('method') == 'Page.loadEventFired')

    def evaluate(self, expression: str) -> Any:
        """The value of JavaScript in the page."""
        answer = self.ask(
            'Runtime.evaluate', expression=expression, returnByValue=True
        )
        assert 'exceptionDetails' not in answer, answer
        return answer['result'].get('value')


@contextmanager
def browser(program: str, folder: Path) -> Iterator[Page]:
    """A browser with one tab, and its files in a folder."""
    to_it, commands = os.pipe()
    answers, from_it = os.pipe()
    # The browser reads 3 and writes 4: both are free once these are moved.
    ends = [fcntl.fcntl(x, fcntl.F_DUPFD, 10) for x in (to_it, from_it)]

    def connect() -> None:
        os.dup2(ends[0], 3)
        os.dup2(ends[1], 4)

    words = [program, *(f'--{flag}' for flag in _FLAGS)]
    process = subprocess.Popen(
        [*words, f'--user-data-dir={folder}'],
        stderr=subprocess.DEVNULL,
        close_fds=False,
        preexec_fn=connect,
    )
    for end in (to_it, from_it, *ends):
        os.close(end)
    patience = threading.Timer(_SECONDS, process.kill)
    patience.start()
    try:
        with open(commands, 'wb') as to, open(answers, 'rb') as answered:
            yield Page(to, answered)
    finally:
        patience.cancel()
        process.terminate()
        process.wait(20)
