"""Files of weights: read without running code, matched key by key."""

from .backbone import (
    BackboneWeights,
    backbone_names,
    find_backbone,
    load_backbone,
)
from .reading import read_checkpoint

__all__ = [
    'BackboneWeights',
    'backbone_names',
    'find_backbone',
    'load_backbone',
    'read_checkpoint',
]
