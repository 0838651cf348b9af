"""Two views of an image: what workers do, what the training device does."""

from ..registry import TRANSFORMS  # first: it says what to install
from .bands import GaussianBlur, RandomBandJitter, RandomRotate90
from .batch_hook import BatchViewsHook
from .hook import DeviceViewsHook
from .operators import apply_steps
from .preprocessor import ViewDataPreprocessor
from .split import SplitViews

__all__ = [
    'TRANSFORMS',
    'BatchViewsHook',
    'DeviceViewsHook',
    'GaussianBlur',
    'RandomBandJitter',
    'RandomRotate90',
    'SplitViews',
    'ViewDataPreprocessor',
    'apply_steps',
]
