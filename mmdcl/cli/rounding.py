"""Weights in half precision, and what that changes."""

import sys
from copy import deepcopy

from torch import Tensor, nn

from .proof import features


def halved(tensor: Tensor) -> Tensor:
    """Norms and biases, which are small and matter, stay as they are."""
    matrix = tensor.is_floating_point() and tensor.ndim > 1
    return tensor.half() if matrix else tensor


def round_network(ours: nn.Module, images: Tensor) -> str:
    """Round to half precision; what that changes in features, as a text."""
    exact = deepcopy(ours)
    for tensor in ours.state_dict().values():
        tensor.copy_(halved(tensor))
    bad = [n for n, x in ours.state_dict().items() if not x.isfinite().all()]
    if bad:
        sys.exit(
            f'error: {bad[0]} has values beyond those of half precision; '
            'leave out --half'
        )
    before, after = (features(x, images) for x in (exact, ours))
    return f'{((after - before).norm() / before.norm()).item():.1e}'
