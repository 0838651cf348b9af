"""Loss heads and the algorithms that they fit under."""

from ..registry import MODELS  # first: it says what to install
from .conv4 import Conv4
from .frozen_classifier import FrozenBackboneClassifier
from .heads import DCLHead, DCLWHead, InfoNCEHead
from .losses import (
    DecoupledCrossEntropyLoss,
    WeightedDecoupledCrossEntropyLoss,
)
from .nnclr import NNCLR
from .rivals import DHELHead, MACLHead, RescaledInfoNCEHead
from .simclr import SimCLR
from .supcon import SupCon
from .support_set import SupportSet
from .timm_backbone import TIMMBackbone

__all__ = [
    'MODELS',
    'NNCLR',
    'Conv4',
    'DCLHead',
    'DCLWHead',
    'DHELHead',
    'DecoupledCrossEntropyLoss',
    'FrozenBackboneClassifier',
    'InfoNCEHead',
    'MACLHead',
    'RescaledInfoNCEHead',
    'SimCLR',
    'SupCon',
    'SupportSet',
    'TIMMBackbone',
    'WeightedDecoupledCrossEntropyLoss',
]
