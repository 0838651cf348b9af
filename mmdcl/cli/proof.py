"""That a network computes the same in another library."""

import sys
from copy import deepcopy

import torch
from torch import Tensor, nn

from ..engine.features import image_features


def features(backbone: nn.Module, images: Tensor) -> Tensor:
    """What either network gives, in evaluation mode: ``(B, D)``."""
    backbone.eval()
    with torch.no_grad():
        found = backbone(images)
        found = found['res5'] if isinstance(found, dict) else found
        return image_features(found)


def exact_gap(ours: nn.Module, theirs: nn.Module, images: Tensor) -> float:
    """How far their features are apart in float64; exits if that is far.

    There nothing but another computation makes a gap.
    """
    mine, others = (
        features(deepcopy(x).double(), images.double()) for x in (ours, theirs)
    )
    gap = (mine - others).abs().max().item()
    if not gap <= 1e-5:
        sys.exit(
            f'error: {library_of(theirs)} computes other features from these '
            f'weights (by {gap:.1e}); is the backbone of another style, such '
            'as caffe?'
        )
    return gap


def library_of(network: nn.Module) -> str:
    """Whose class it is."""
    return type(network).__module__.partition('.')[0]
