"""Decoupled contrastive learning for OpenMMLab.

The map of the house. Importing it is instant; a name below loads its room
when it is first used, and only rooms other than ``functional`` need OpenMMLab.

functional    the losses, the gather, nearest neighbours: tensors in and out
models        heads, SimCLR, NNCLR and its support set
views         two views of an image: split between workers and the device
datasets      readers that upstream lacks
checkpoints   files of weights: read without running code, matched, exported
hub           ``hf://`` addresses, and folders that are sent to a hub
weights       backbones that come with the package: ``mmdcl://NAME``
engine        exact train loops, kNN evaluation, hooks, optimizers
protocols     what frozen features are worth: SVMs, probes, rankings, files
downstream    a backbone into a classifier, detector or segmentor
report        what a run looked like: pictures and one HTML page
cli           what people type: ``mmdcl train CONFIG``
configs       where configs lie, ours and others'
registry      what makes ``type='mmdcl.DCLHead'`` work in any config
arguments     checks of numbers and texts by the name of the argument
errors        what users should read, as exceptions that say so
constructors  which arguments a registered class takes
config_parts  parts of a config, wherever it has them
command       how this process was started, and is started again
sync_bn       BN for SyncBN, in networks and configs, where there is no GPU
handlers      signals that ask a process to end, and who receives them
provenance    where a number comes from: machine and commit
verdicts      what the numbers of a run mean, in words
feature_files features of a folder's images in a file
"""

from importlib import import_module
from typing import Any

__version__ = '0.1.0'

_ROOMS = {
    'models': (
        'Conv4',
        'DCLHead',
        'DCLWHead',
        'DHELHead',
        'DecoupledCrossEntropyLoss',
        'FrozenBackboneClassifier',
        'InfoNCEHead',
        'MACLHead',
        'NNCLR',
        'RescaledInfoNCEHead',
        'SimCLR',
        'SupCon',
        'SupportSet',
        'TIMMBackbone',
        'WeightedDecoupledCrossEntropyLoss',
    ),
    'engine': (
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
        'LARS',
        'LinearProbeHook',
        'MicroBatchHook',
        'QualityHook',
        'ResumeHook',
        'SizesHook',
        'VerdictHook',
        'WorkDirHook',
    ),
    'views': (
        'BatchViewsHook',
        'DeviceViewsHook',
        'GaussianBlur',
        'RandomBandJitter',
        'RandomRotate90',
        'SplitViews',
        'ViewDataPreprocessor',
    ),
    'feature_files': ('load_features',),
    'protocols': (
        'LayersTestLoop',
        'LowShotTestLoop',
        'RetrievalTestLoop',
        'SVMTestLoop',
    ),
    'downstream.pretrained': ('PretrainedBackboneHook',),
    'report.progress': ('ProgressHook',),
    'configs': ('config_path',),
    'datasets': (
        'CIFAR10',
        'CIFAR100',
        'ChannelOrder',
        'CustomDataset',
        'Digits',
        'FewLabels',
        'ImageNet',
        'Images',
        'LoadImageFromFile',
        'LoadMultichannelImage',
        'STL10',
        'VOC',
    ),
    'checkpoints': (
        'find_backbone',
        'load_backbone',
        'newest_good',
        'read_checkpoint',
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

_MODULES = {room.partition('.')[0] for room in _ROOMS}
_MODULES |= {'cli', 'functional', 'registry', 'arguments', 'constructors'}
_MODULES |= {'command', 'errors', 'handlers', 'sync_bn', 'provenance'}
_MODULES |= {'verdicts', 'hub', 'config_parts'}

__all__ = sorted([*_ROOM_OF, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        return getattr(import_module(f'mmdcl.{_ROOM_OF[name]}'), name)
    if name in __all__:
        return import_module(f'mmdcl.{name}')
    raise AttributeError(f'module mmdcl has no attribute {name!r}')


def __dir__() -> list[str]:
    return __all__
