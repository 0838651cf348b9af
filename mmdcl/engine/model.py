"""The model inside of what distributes it."""

from mmengine.model import is_model_wrapper
from torch import nn


def model_of(runner) -> nn.Module:
    """The runner's model, without DDP or the like."""
    model = runner.model
    return model.module if is_model_wrapper(model) else model
