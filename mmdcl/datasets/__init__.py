"""Readers that upstream lacks."""

from ..registry import DATASETS  # first: it says what to install
from .cifar import CIFAR10
from .digits import Digits
from .few_labels import FewLabels
from .loading import LoadImageFromFile
from .views import SplitViews

__all__ = [
    'CIFAR10',
    'DATASETS',
    'Digits',
    'FewLabels',
    'LoadImageFromFile',
    'SplitViews',
]
