"""Loss heads and the algorithms that they fit under."""

from ..registry import MODELS  # first: it says what to install
from .frozen_classifier import FrozenBackboneClassifier
from .heads import DCLHead, DCLWHead, InfoNCEHead
from .losses import (
    DecoupledCrossEntropyLoss,
    WeightedDecoupledCrossEntropyLoss,
)
from .nnclr import NNCLR
from .simclr import SimCLR
from .support_set import SupportSet
from .timm_backbone import TIMMBackbone

__all__ = [
    'MODELS',
    'NNCLR',
    'DCLHead',
    'DCLWHead',
    'DecoupledCrossEntropyLoss',
    'FrozenBackboneClassifier',
    'InfoNCEHead',
    'SimCLR',
    'SupportSet',
    'TIMMBackbone',
    'WeightedDecoupledCrossEntropyLoss',
]
