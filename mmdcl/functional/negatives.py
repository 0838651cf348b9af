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


def _normalised(view1: Tensor, view2: Tensor) -> Tensor:
    if view1.ndim != 2 or view1.shape != view2.shape:
        raise ValueError(
            'the two views must both be (B, D), got '
            f'{tuple(view1.shape)} and {tuple(view2.shape)}'
        )
    views = torch.stack([full_precision(view1), full_precision(view2)])
    return F.normalize(views, dim=-1)  # (2, B, D)


def _gathered(views: Tensor) -> tuple[Tensor, Tensor]:
    """Columns ``(2, G, D)``, and which image of them each anchor is."""
    columns, start = gather_rows(views.transpose(0, 1))
    images = len(columns)
    if images < 2:
        raise ValueError(
            'a contrastive loss needs at least 2 images in the global '
            f'batch, got {images}: there is no negative. Raise the batch '
            'size, or set `drop_last=True` in the train dataloader if '
            'only the last batch of an epoch is that small'
        )
    own = torch.arange(start, start + views.shape[1], device=views.device)
    return columns.transpose(0, 1), own


def _reduce(
    anchors: Tensor, columns: Tensor, own: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """``s`` and mean cosine over the columns of all other images.

    Args:
        anchors: ``(N, D)``.
        columns: ``(V, G, D)``, each image ``V`` times.
        own: ``(N,)`` index of the image of each anchor, in [0, G).
        temperature: > 0.
    """
    views, images, _ = columns.shape
    logits = anchors @ columns.flatten(0, 1).T / temperature  # (N, VG)
    view = torch.arange(views, device=own.device)
    # Not by assignment: in some versions that waits for an accelerator.
    logits = logits.scatter(1, own[:, None] + images * view, -torch.inf)
    with torch.no_grad():
        others = columns.sum((0, 1)) - columns[:, own].sum(0)  # (N, D)
        neg = (anchors * others).sum(-1) / (views * (images - 1))
    return torch.logsumexp(logits, dim=1), neg


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
    with torch.autocast(view1.device.type, enabled=False):
        z = _normalised(view1, view2)
        columns, own = _gathered(z)
        pos = (z[0] * z[1]).sum(-1).repeat(2)  # (2B,)
        s, neg = _reduce(z.flatten(0, 1), columns, own.repeat(2), temperature)
    return Contrast(pos, s, neg)


def neighbor_contrast(
    neighbor1: Tensor,
    neighbor2: Tensor,
    prediction1: Tensor,
    prediction2: Tensor,
    temperature: float,
    both_views: bool = False,
) -> Contrast:
    """Contrast neighbours of each view with predictions of the other view.

    The neighbour of view 1 is the anchor, the prediction of view 2 of the
    same image its positive, predictions of other images its negatives; and
    the reverse. Equation 3 of Dwibedi et al., ICCV 2021, arXiv 2104.14548,
    symmetrised. Precision and processes as in :func:`two_view_contrast`.

    Args:
        neighbor1: ``(B, D)`` neighbours of the first views on this process.
        neighbor2: ``(B, D)`` neighbours of the second views.
        prediction1: ``(B, D)`` predictions of the first views.
        prediction2: ``(B, D)`` predictions of the second views.
        temperature: > 0.
        both_views: Negatives are both views of all other images, ``K =
            2(G - 1)``, instead of the positive's view only, ``K = G - 1``
            (the paper).

    Returns:
        Rows of the ``N = 2B`` anchors, neighbours of first views first.

    Raises:
        ValueError: Shapes differ, the temperature is not positive, or the
            global batch holds a single image and so no negative.
    """
    require_positive('temperature', temperature)
    with torch.autocast(prediction1.device.type, enabled=False):
        p = _normalised(prediction1, prediction2)
        n = _normalised(neighbor1, neighbor2).to(p.dtype)
        if n.shape != p.shape:
            raise ValueError(
                'neighbours and predictions must both be (B, D), got '
                f'{tuple(n.shape[1:])} and {tuple(p.shape[1:])}'
            )
        columns, own = _gathered(p)
        pos = (n * p.flip(0)).sum(-1).flatten()  # (2B,)
        if both_views:
            s, neg = _reduce(
                n.flatten(0, 1), columns, own.repeat(2), temperature
            )
        else:
            halves = [
                _reduce(n[view], columns[1 - view][None], own, temperature)
                for view in (0, 1)
            ]
            s, neg = (torch.cat(rows) for rows in zip(*halves, strict=True))
    return Contrast(pos, s, neg)
