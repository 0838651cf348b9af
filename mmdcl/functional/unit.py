"""Vectors of length 1, from vectors of any length that their dtype holds."""

import math

import torch
from torch import Tensor


def full_precision(x: Tensor) -> Tensor:
    """``x`` in at least float32: half precision is widened."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def normalise(x: Tensor) -> Tensor:
    """Rows of length 1, in at least float32.

    Squares of rows beyond ``1e19`` do not fit into float32, those of rows
    below ``1e-19`` vanish: such rows are first scaled by a power of two, which
    changes no other bit. A row of zeros has no direction: it stays zero, and
    so is its gradient. A row with NaN or infinity becomes NaN.

    Args:
        x: ``(..., D)`` floating point numbers.

    Returns:
        ``(..., D)``.
    """
    x = full_precision(x)
    largest = math.log2(torch.finfo(x.dtype).max)
    with torch.no_grad():
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = torch.ones_like(length)
        scale = scale.masked_fill(
            length > 2.0 ** int(0.4 * largest), 2.0 ** -int(0.8 * largest)
        ).masked_fill(
            length < 2.0 ** -int(0.4 * largest), 2.0 ** int(0.8 * largest)
        )
    x = x * scale
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    unit: Tensor = x / length.masked_fill(length == 0, torch.inf)
    return unit
