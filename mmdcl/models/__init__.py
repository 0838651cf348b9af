"""Loss heads and the algorithms that they fit under."""

from ..registry import MODELS  # first: it says what to install
from .heads import DCLHead, DCLWHead, InfoNCEHead
from .nnclr import NNCLR
from .simclr import SimCLR
from .support_set import SupportSet

__all__ = [
    'MODELS',
    'NNCLR',
    'DCLHead',
    'DCLWHead',
    'InfoNCEHead',
    'SimCLR',
    'SupportSet',
]
