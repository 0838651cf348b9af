"""Files of weights: read without running code, matched key by key."""

from .backbone import (
    BackboneWeights,
    backbone_names,
    find_backbone,
    load_backbone,
)
from .comparison import differences
from .newest import newest_good
from .reading import read_checkpoint

__all__ = [
    'BackboneWeights',
    'backbone_names',
    'differences',
    'find_backbone',
    'load_backbone',
    'newest_good',
    'read_checkpoint',
]
