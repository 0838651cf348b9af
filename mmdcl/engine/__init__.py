"""Run-time: evaluation loops, hooks and an optimizer."""

from ..registry import HOOKS  # first: it says what to install
from .checkpoint import AtomicCheckpointHook
from .checkpoint_match import CheckpointMatchHook
from .device_views import DeviceViewsHook
from .invalid_loss import InvalidLossHook
from .knn import KNNTestLoop, KNNValLoop
from .lars import LARS
from .pretrained import PretrainedBackboneHook
from .progress import ProgressHook
from .train_loop import ExactTrainLoop

__all__ = [
    'HOOKS',
    'LARS',
    'AtomicCheckpointHook',
    'CheckpointMatchHook',
    'DeviceViewsHook',
    'ExactTrainLoop',
    'InvalidLossHook',
    'KNNTestLoop',
    'KNNValLoop',
    'PretrainedBackboneHook',
    'ProgressHook',
]
