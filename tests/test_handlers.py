"""Who receives a signal that asks training to end: one process."""

import os
import signal

import pytest

from mmdcl.cli.ending import ends_with_a_word
from mmdcl.engine.signals import Signals

pytestmark = pytest.mark.usefixtures('_interruptible')


def forked_has(handler) -> bool:
    """Whether SIGTERM does that in a process that is forked now."""
    pid = os.fork()
    if not pid:
        os._exit(signal.getsignal(signal.SIGTERM) is not handler)
    return os.waitpid(pid, 0)[1] == 0


def test_what_is_forked_ends_by_sigterm_as_ever():
    """A pool's worker waits where Python runs no handler, and is ended so."""
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with ends_with_a_word():
        outer = signal.getsignal(signal.SIGTERM)
        assert outer is not signal.SIG_DFL
        assert forked_has(signal.SIG_DFL)
        training = Signals(object(), print)
        training.install()
        assert signal.getsignal(signal.SIGTERM) is not outer
        assert forked_has(signal.SIG_DFL)
        training.restore()
        assert signal.getsignal(signal.SIGTERM) is outer
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert forked_has(signal.SIG_DFL)
