"""From embeddings to the two rows that every loss is made of."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .contrast import require_positive
from .gather import gather_rows


class Contrast(NamedTuple):
    """What a batch of anchors says, each ``(N,)``.

    Attributes:
        pos: Cosine with the positive, in [-1, 1].
        s: Logsumexp over negatives of cosine / temperature.
        neg: Mean cosine over negatives, without gradient, for logs.
    """

    pos: Tensor
    s: Tensor
    neg: Tensor


def full_precision(x: Tensor) -> Tensor:
    """``x`` in at least float32: half precision is widened."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def log_sum_negatives(neg: Tensor, temperature: float) -> Tensor:
    """``s`` from a matrix of negatives' cosines.

    Args:
        neg: ``(N, K)`` cosines with the negatives, in [-1, 1].
        temperature: > 0.

    Returns:
        ``(N,)`` logsumexp of ``neg / temperature``, at least float32.

    Raises:
        ValueError: There is no negative, or the temperature is not positive.
    """
    require_positive('temperature', temperature)
    if neg.ndim != 2 or neg.shape[1] == 0:
        raise ValueError(
            f'`neg` must be (N, K) with K >= 1, got {tuple(neg.shape)}'
        )
    return torch.logsumexp(full_precision(neg) / temperature, dim=1)


def two_view_contrast(
    view1: Tensor, view2: Tensor, temperature: float
) -> Contrast:
    """Contrast two views of each image with both views of all other images.

    Embeddings are normalised here, in float32 at least and outside any
    autocast. Each process computes the rows of its own ``2B`` anchors against
    the columns of the global batch; self and positive are left out by index.

    Args:
        view1: ``(B, D)`` embeddings of the first views on this process.
        view2: ``(B, D)`` embeddings of the second views, same order.
        temperature: > 0.

    Returns:
        Rows of the ``N = 2B`` anchors, first views first; an anchor has
        ``K = 2(G - 1)`` negatives.

    Raises:
        ValueError: Shapes differ, the temperature is not positive, or the
            global batch holds a single image and so no negative.
    """
    require_positive('temperature', temperature)
    if view1.ndim != 2 or view1.shape != view2.shape:
        raise ValueError(
            'the two views must both be (B, D), got '
            f'{tuple(view1.shape)} and {tuple(view2.shape)}'
        )
    with torch.autocast(view1.device.type, enabled=False):
        z = F.normalize(
            torch.stack([full_precision(view1), full_precision(view2)]), dim=-1
        )  # (2, B, D)
        columns, start = gather_rows(z.transpose(0, 1))
        columns = columns.transpose(0, 1).flatten(0, 1)  # (2G, D)
        images = len(columns) // 2
        if images < 2:
            raise ValueError(
                'a contrastive loss needs at least 2 images in the global '
                f'batch, got {images}: there is no negative. Raise the batch '
                'size, or set `drop_last=True` in the train dataloader if '
                'only the last batch of an epoch is that small'
            )
        anchors = z.flatten(0, 1)
        pos = (z[0] * z[1]).sum(-1).repeat(2)  # (2B,)

        row = torch.arange(len(anchors), device=z.device)
        own = start + row % z.shape[1]
        logits = anchors @ columns.T / temperature  # (2B, 2G)
        logits[row, own] = -torch.inf
        logits[row, own + images] = -torch.inf
        s = torch.logsumexp(logits, dim=1)

        with torch.no_grad():
            total = anchors @ columns.sum(0)
            neg = (total - pos - 1) / (2 * (images - 1))
    return Contrast(pos, s, neg)
