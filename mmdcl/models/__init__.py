"""Loss heads and the algorithms that they fit under."""

from .heads import DCLHead, DCLWHead, InfoNCEHead
from .simclr import SimCLR

__all__ = ['DCLHead', 'DCLWHead', 'InfoNCEHead', 'SimCLR']
