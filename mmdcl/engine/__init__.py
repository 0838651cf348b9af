"""Run-time: evaluation loops and hooks."""

from .checkpoint_match import CheckpointMatchHook
from .invalid_loss import InvalidLossHook
from .knn import KNNTestLoop, KNNValLoop
from .progress import ProgressHook

__all__ = [
    'CheckpointMatchHook',
    'InvalidLossHook',
    'KNNTestLoop',
    'KNNValLoop',
    'ProgressHook',
]
