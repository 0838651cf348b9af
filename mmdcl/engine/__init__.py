"""Run-time: evaluation loops and hooks."""

from ..registry import HOOKS  # first: it says what to install
from .checkpoint_match import CheckpointMatchHook
from .invalid_loss import InvalidLossHook
from .knn import KNNTestLoop, KNNValLoop
from .progress import ProgressHook

__all__ = [
    'HOOKS',
    'CheckpointMatchHook',
    'InvalidLossHook',
    'KNNTestLoop',
    'KNNValLoop',
    'ProgressHook',
]
