"""Readers that upstream lacks."""

from .cifar import CIFAR10
from .digits import Digits
from .loading import LoadImageFromFile

__all__ = ['CIFAR10', 'Digits', 'LoadImageFromFile']
