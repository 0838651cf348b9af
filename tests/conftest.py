"""Clears what a test left; prepares nothing that a user's process lacks."""

import signal

import pytest
import torch
from mmengine.utils import ManagerMixin


def _kinds(kind: type) -> list[type]:
    return [kind, *(y for x in kind.__subclasses__() for y in _kinds(x))]


@pytest.fixture(autouse=True)
def _fresh():
    """No test depends on what another left behind."""
    torch.manual_seed(0)
    for kind in _kinds(ManagerMixin):  # loggers, scopes, visualizers, ...
        kind._instance_dict.clear()


@pytest.fixture
def _interruptible():
    """Ctrl-C does what it does in a terminal, also under ``nohup``."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
