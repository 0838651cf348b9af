"""Decoupled contrastive learning for OpenMMLab.

The map of the house. Importing it is instant; a name below loads its room
when it is first used, and only rooms other than ``functional`` need OpenMMLab.

functional   the losses, the gather, nearest neighbours: tensors in and out
models       DCLHead, DCLWHead, InfoNCEHead, SimCLR, NNCLR, SupportSet
engine       exact train loops, kNN evaluation loops, hooks
datasets     CIFAR10, ImageNet, FewLabels, LoadImageFromFile, ChannelOrder
checkpoints  read without running code, match a backbone key by key
registry     what makes ``type='mmdcl.DCLHead'`` work in any config
"""

from importlib import import_module
from typing import Any

__version__ = '0.1.0'

_ROOMS = {
    'models': (
        'DCLHead',
        'DCLWHead',
        'InfoNCEHead',
        'NNCLR',
        'SimCLR',
        'SupportSet',
    ),
    'engine': (
        'AtomicCheckpointHook',
        'CheckpointMatchHook',
        'DataCheckHook',
        'ExactIterTrainLoop',
        'ExactTrainLoop',
        'HeartbeatHook',
        'InterruptHook',
        'InvalidLossHook',
        'KNNTestLoop',
        'KNNValLoop',
        'PretrainedBackboneHook',
        'ProgressHook',
        'ResumeHook',
        'SizesHook',
        'WorkDirHook',
    ),
    'datasets': (
        'CIFAR10',
        'ChannelOrder',
        'CustomDataset',
        'Digits',
        'FewLabels',
        'ImageNet',
        'LoadImageFromFile',
    ),
    'checkpoints': (
        'find_backbone',
        'load_backbone',
        'newest_good',
        'read_checkpoint',
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted([*_ROOM_OF, *_ROOMS, 'functional', 'registry'])


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        return getattr(import_module(f'mmdcl.{_ROOM_OF[name]}'), name)
    if name in __all__:
        return import_module(f'mmdcl.{name}')
    raise AttributeError(f'module mmdcl has no attribute {name!r}')


def __dir__() -> list[str]:
    return __all__
