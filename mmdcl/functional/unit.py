"""Vectors of length 1, from vectors of any length that their dtype holds."""

import math
from typing import Any

import torch
from torch import Tensor

from .derivatives import is_compiling, once, require_plain


def full_precision(x: Tensor) -> Tensor:
    """``x`` in at least float32: half precision is widened."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _length(x: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return length


@torch.no_grad()
def _scale(x: Tensor) -> Tensor:
    """Powers of two by which the squares of rows have room."""
    largest = math.log2(torch.finfo(x.dtype).max)
    length = _length(x)
    long = length > 2.0 ** int(0.4 * largest)
    short = length < 2.0 ** -int(0.4 * largest)
    up, down = 2.0 ** int(0.8 * largest), 2.0 ** -int(0.8 * largest)
    scale = torch.ones_like(length).masked_fill(long, down)
    return scale.masked_fill(short, up)


def normalise(x: Tensor) -> Tensor:
    """Rows of length 1, in at least float32.

    Squares of rows beyond ``1e19`` do not fit into float32, those of rows
    below ``1e-19`` vanish: such rows are first scaled by a power of two, which
    changes no other bit. A row of zeros has no direction: it stays zero, and
    so is its gradient. A row with NaN or infinity gets NaN.

    Args:
        x: ``(..., D)`` floating point numbers.

    Returns:
        ``(..., D)``.
    """
    x = full_precision(x)
    x = x * _scale(x)
    length = _length(x)
    unit: Tensor = x / length.masked_fill(length == 0, torch.inf)
    return unit


def normalise_once(x: Tensor) -> Tensor:
    """:func:`normalise` with first derivatives only, sooner."""
    require_plain(x)
    unit: Tensor = _Normalise.apply(full_precision(x))
    return unit


def pair_cosines(anchors: Tensor, views: Tensor) -> Tensor:
    """Cosines of each anchor with all other views of its image.

    Args:
        anchors: ``(A, B, D)`` of length 1, of the first ``A`` views.
        views: ``(V, B, D)`` of length 1, of all views.

    Returns:
        ``(V - 1, A, B)``: with the next view, then with the one after it, ...
    """
    shifts = range(1, len(views))
    others = (views.roll(-r, 0)[: len(anchors)] for r in shifts)
    return torch.stack([(anchors * x).sum(-1) for x in others])


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        scaled = x.detach()
        scale = _scale(scaled)
        # The same, sooner, where nobody is waited for.
        if x.device.type != 'cpu' or is_compiling() or (scale != 1).any():
            scaled = scaled * scale
        length = _length(scaled)
        length = length.masked_fill(length == 0, torch.inf)
        unit: Tensor = scaled / length
        inverse = scale / length
        ctx.save_for_backward(unit, inverse, x)
        return unit

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor | None:
        unit, inverse, x = ctx.saved_tensors
        with torch.no_grad():
            along = (grad * unit).sum(-1, keepdim=True)
            across = torch.addcmul(grad, unit, along, value=-1)
        return once(across.mul_(inverse), grad, x)
