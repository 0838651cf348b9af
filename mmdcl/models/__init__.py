"""Loss heads and the algorithms that they fit under."""

from ..registry import MODELS  # first: it says what to install
from .heads import DCLHead, DCLWHead, InfoNCEHead
from .simclr import SimCLR

__all__ = ['MODELS', 'DCLHead', 'DCLWHead', 'InfoNCEHead', 'SimCLR']
