"""Run-time: evaluation loops, hooks, optimizers."""

from ..registry import HOOKS  # first: it says what to install
from .bfloat16 import BFloat16OptimWrapper
from .checkpoint import AtomicCheckpointHook
from .checkpoint_match import CheckpointMatchHook
from .data_check import DataCheckHook
from .heartbeat import HeartbeatHook
from .interrupt import InterruptHook
from .invalid_loss import InvalidLossHook
from .iter_train_loop import ExactIterTrainLoop
from .knn import KNNTestLoop, KNNValLoop
from .lars import LARS
from .micro_batches import MicroBatchHook
from .probe import LinearProbeHook
from .quality import QualityHook
from .resume import ResumeHook
from .sizes import SizesHook
from .train_loop import ExactTrainLoop
from .verdict import VerdictHook
from .work_dir import WorkDirHook

__all__ = [
    'HOOKS',
    'LARS',
    'AtomicCheckpointHook',
    'BFloat16OptimWrapper',
    'CheckpointMatchHook',
    'DataCheckHook',
    'ExactIterTrainLoop',
    'ExactTrainLoop',
    'HeartbeatHook',
    'InterruptHook',
    'InvalidLossHook',
    'KNNTestLoop',
    'KNNValLoop',
    'LinearProbeHook',
    'MicroBatchHook',
    'QualityHook',
    'ResumeHook',
    'SizesHook',
    'VerdictHook',
    'WorkDirHook',
]
