"""Readers that upstream lacks."""

from ..registry import DATASETS  # first: it says what to install
from .channel_order import ChannelOrder
from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .few_labels import FewLabels
from .folders import CustomDataset, ImageNet
from .images import Images
from .loading import LoadImageFromFile
from .multichannel import LoadMultichannelImage
from .statistics import channel_statistics
from .stl10 import STL10
from .voc import VOC

__all__ = [
    'CIFAR10',
    'CIFAR100',
    'DATASETS',
    'STL10',
    'VOC',
    'ChannelOrder',
    'CustomDataset',
    'Digits',
    'FewLabels',
    'ImageNet',
    'Images',
    'LoadImageFromFile',
    'LoadMultichannelImage',
    'channel_statistics',
]
