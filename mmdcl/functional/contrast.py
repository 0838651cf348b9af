"""From embeddings to the two rows that every loss is made of."""

from typing import NamedTuple

import torch
from torch import Tensor

from .derivatives import FIRST_ONLY, require_plain
from .gather import Peers, gather_rows
from .kernel import LOWEST_TEMPERATURE, against_columns, among_all
from .losses import require_positive
from .unit import full_precision, normalise, normalise_once


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


def log_sum_negatives(neg: Tensor, temperature: float | Tensor) -> Tensor:
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


def _normalised(view1: Tensor, view2: Tensor, tiled: bool) -> Tensor:
    if view1.ndim != 2 or view1.shape != view2.shape:
        raise ValueError(
            'the two views must both be (B, D), got '
            f'{tuple(view1.shape)} and {tuple(view2.shape)}'
        )
    views = torch.stack([view1, view2])  # (2, B, D)
    return normalise_once(views) if tiled else normalise(views)


def _peers(views: Tensor) -> Peers:
    peers = Peers(views.shape[1])
    if peers.total < 2:
        raise ValueError(
            'a contrastive loss needs at least 2 images in the global '
            f'batch, got {peers.total}: there is no negative. Raise the batch '
            'size, or set `drop_last=True` in the train dataloader if '
            'only the last batch of an epoch is that small'
        )
    return peers


def _columns(views: Tensor, peers: Peers) -> Tensor:
    """Embeddings ``(V, G, D)`` of all processes, gradients included."""
    return gather_rows(views.transpose(0, 1), peers)[0].transpose(0, 1)


def _in_tiles(temperature: float | Tensor, tile: int | None) -> bool:
    if tile is not None and tile < 0:
        raise ValueError(f'`tile` must be >= 0, got {tile}')
    if tile == 0:
        return False
    if isinstance(temperature, Tensor):
        require_plain(temperature)
        if temperature.requires_grad:
            raise NotImplementedError(FIRST_ONLY)
    return float(temperature) >= LOWEST_TEMPERATURE


def _all_at_once(
    anchors: Tensor, columns: Tensor, first: int, temperature: float | Tensor
) -> Tensor:
    """``S (A, B)`` from the whole matrix, at any temperature.

    Args:
        anchors: ``(A, B, D)``, image ``first`` and following.
        columns: ``(V, G, D)``.
        first: Index of the first image of this process, in [0, G).
        temperature: > 0.
    """
    views, images, _ = columns.shape
    own = torch.arange(first, first + anchors.shape[1], device=columns.device)
    view = torch.arange(views, device=columns.device)
    logits = anchors.flatten(0, 1) @ columns.flatten(0, 1).T / temperature
    # Not by assignment: in some versions that waits for an accelerator.
    excluded = (own[:, None] + images * view).repeat(len(anchors), 1)
    logits = logits.scatter(1, excluded, -torch.inf)
    return torch.logsumexp(logits, dim=1).view(anchors.shape[:2])


@torch.no_grad()
def _mean_negative(anchors: Tensor, columns: Tensor, own: slice) -> Tensor:
    """Mean product ``(A, B)`` with the columns of all other images."""
    views, images, _ = columns.shape
    others = columns.sum((0, 1)) - columns[:, own].sum(0)  # (B, D)
    return (anchors * others).sum(-1) / (views * (images - 1))


def two_view_contrast(
    view1: Tensor,
    view2: Tensor,
    temperature: float | Tensor,
    tile: int | None = None,
) -> Contrast:
    """Contrast two views of each image with both views of all other images.

    Embeddings are normalised here, in float32 at least and outside any
    autocast. Each process computes the rows of its own ``2B`` anchors against
    the columns of the global batch; self and positive are left out by index.

    Similarities are computed in tiles, forward and backward, so that memory
    grows with ``N`` and not with its square; below a temperature of 0.03 all
    at once.

    Args:
        view1: ``(B, D)`` embeddings of the first views on this process.
        view2: ``(B, D)`` embeddings of the second views, same order.
        temperature: > 0. A tensor that requires a gradient, of shape ``()``,
            needs ``tile=0``.
        tile: Rows of a tile, or 0: all similarities at once, for second
            derivatives and ``torch.func``. Default: what suits the device.

    Returns:
        Rows of the ``N = 2B`` anchors, first views first; an anchor has
        ``K = 2(G - 1)`` negatives.

    Raises:
        ValueError: Shapes differ, the temperature is not positive, or the
            global batch holds a single image and so no negative.
        NotImplementedError: A gradient was asked for that tiles do not have;
            also later, when a gradient is differentiated.
    """
    require_positive('temperature', temperature)
    with torch.autocast(view1.device.type, enabled=False):
        tiled = _in_tiles(temperature, tile)
        z = _normalised(view1, view2, tiled)
        peers = _peers(z)
        pos = (z[0] * z[1]).sum(-1)
        if tiled:
            s, columns = among_all(z, float(temperature), tile, peers)
        else:
            columns = _columns(z, peers)
            s = _all_at_once(z, columns, peers.own.start, temperature)
        neg = _mean_negative(z, columns, peers.own)
    return Contrast(pos.repeat(2), s.flatten(), neg.flatten())


def neighbor_contrast(
    neighbor1: Tensor,
    neighbor2: Tensor,
    prediction1: Tensor,
    prediction2: Tensor,
    temperature: float | Tensor,
    both_views: bool = False,
    tile: int | None = None,
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
        tile: As in :func:`two_view_contrast`.

    Returns:
        Rows of the ``N = 2B`` anchors, neighbours of first views first.

    Raises:
        ValueError: Shapes differ, the temperature is not positive, or the
            global batch holds a single image and so no negative.
    """
    require_positive('temperature', temperature)
    with torch.autocast(prediction1.device.type, enabled=False):
        tiled = _in_tiles(temperature, tile)
        p = _normalised(prediction1, prediction2, tiled)
        n = _normalised(neighbor1, neighbor2, tiled).to(p.dtype)
        if n.shape != p.shape:
            raise ValueError(
                'neighbours and predictions must both be (B, D), got '
                f'{tuple(n.shape[1:])} and {tuple(p.shape[1:])}'
            )
        peers = _peers(p)
        columns = _columns(p, peers)
        pos = (n * p.flip(0)).sum(-1)
        # Anchors with their columns: both halves at once, or one by one.
        parts = [(n, columns)]
        if not both_views:
            parts = [(n[:1], columns[1:]), (n[1:], columns[:1])]
        rows = []
        for anchors, negatives in parts:
            given = (anchors, negatives, peers.own.start)
            if tiled:
                s = against_columns(*given, float(temperature), tile)
            else:
                s = _all_at_once(*given, temperature)
            rows.append((s, _mean_negative(anchors, negatives, peers.own)))
        s, neg = (torch.cat(x).flatten() for x in zip(*rows, strict=True))
    return Contrast(pos.flatten(), s, neg)
