"""Clears what a test left; prepares nothing that a user's process lacks."""

import pytest
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope


@pytest.fixture(autouse=True)
def _fresh():
    """No test depends on what another left behind."""
    torch.manual_seed(0)
    for kind in (DefaultScope, MessageHub, MMLogger):
        kind._instance_dict.clear()
