"""From embeddings to ``pos`` and ``s``, of which every loss is made.

``pos`` is a product of two embeddings. ``s``, the logsumexp over negatives, is
the one expensive thing. :func:`dense_log_sums` defines it, with the whole
matrix in memory; ``kernel.tiled_log_sums`` is the same function in tiles, and
:func:`log_sums` the door to both.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .gather import Peers, gather_with_gradient, gather_without_gradient
from .kernel import tile_for, tiled_log_sums
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

    Args:
        view1: ``(B, D)`` embeddings of the first views on this process.
        view2: ``(B, D)`` embeddings of the second views, same order.
        temperature: > 0. A tensor ``()`` that requires a gradient needs
            ``tile=0``.
        tile: Rows of a tile, or 0: all similarities at once, in memory that
            grows with the square of ``N``, for second derivatives and
            ``torch.func``. Default: what suits, see :func:`.kernel.tile_for`.

    Returns:
        Rows of the ``N = 2B`` anchors, first views first; an anchor has
        ``K = 2(G - 1)`` negatives.

    Raises:
        ValueError: Shapes differ, the temperature is not positive, or the
            global batch holds a single image and so no negative.
        NotImplementedError: A gradient was asked for that tiles do not have;
            also later, when a gradient is differentiated.
    """
    with torch.autocast(view1.device.type, enabled=False):
        peers = check_images(view1, view2)
        tile = tile_for(tile, temperature, peers.total, view1.device)
        unit = normalise_once if tile else normalise
        z = unit(torch.stack([view1, view2]))  # (2, B, D)
        pos = (z[0] * z[1]).sum(-1)
        # In tiles, gradients of columns come to the anchors by another way.
        gather = gather_without_gradient if tile else gather_with_gradient
        columns = gather(z.transpose(0, 1), peers).transpose(0, 1)
        s, neg = log_sums(z, columns, peers, temperature, tile, alike=True)
    return Contrast(pos.repeat(2), s.flatten(), neg.flatten())


def dense_log_sums(
    anchors: Tensor,
    columns: Tensor,
    peers: Peers,
    temperature: float | Tensor,
) -> Tensor:
    """``s (A, B)`` of each anchor over the columns of all other images.

    Args:
        anchors: ``(A, B, D)`` of length 1, ``A`` for each image.
        columns: ``(V, G, D)`` of length 1, ``V`` for each image.
        peers: Who holds which images.
        temperature: > 0.
    """
    views, images = columns.shape[:2]
    logits = anchors.flatten(0, 1) @ columns.flatten(0, 1).T / temperature
    # The columns of image i are i, i + G, ...: an anchor's own, which are
    # itself and its positive, are no negatives.
    image = torch.arange(images, device=columns.device)[peers.own]
    view = torch.arange(views, device=columns.device)
    own = (image[:, None] + images * view).repeat(len(anchors), 1)  # (AB, V)
    # Not by assignment: in some versions that waits for an accelerator.
    logits = logits.scatter(1, own, -torch.inf)  # (AB, VG)
    return torch.logsumexp(logits, dim=1).view(anchors.shape[:2])


def log_sums(
    anchors: Tensor,
    columns: Tensor,
    peers: Peers,
    temperature: float | Tensor,
    tile: int,
    alike: bool = False,
) -> tuple[Tensor, Tensor]:
    """``s (A, B)``, in tiles or (0) dense, and the mean negative cosine.

    Arguments as in :func:`dense_log_sums` and :func:`.kernel.tiled_log_sums`.
    """
    given = anchors, columns, peers
    if tile:
        s = tiled_log_sums(*given, float(temperature), tile, alike)
    else:
        s = dense_log_sums(*given, temperature)
    with torch.no_grad():
        # The mean of products is the product with the mean.
        others = columns.sum((0, 1)) - columns[:, peers.own].sum(0)  # (B, D)
        count = len(columns) * (peers.total - 1)
        return s, (anchors * others).sum(-1) / count


def log_sum_negatives(neg: Tensor, temperature: float | Tensor) -> Tensor:
    """``s (N,)``, at least float32, where cosines are there already.

    Args:
        neg: ``(N, K)`` cosines with the negatives, in [-1, 1].
        temperature: > 0.
    """
    require_positive('temperature', temperature)
    if neg.ndim != 2 or neg.shape[1] == 0:
        raise ValueError(
            f'`neg` must be (N, K) with K >= 1, got {tuple(neg.shape)}'
        )
    return torch.logsumexp(full_precision(neg) / temperature, dim=1)


def check_images(*embeddings: Tensor) -> Peers:
    """Who holds the images; refuses shapes that do not fit, and one image."""
    shapes = [tuple(x.shape) for x in embeddings]
    if any(len(x) != 2 or x != shapes[0] for x in shapes):
        got = ' and '.join(map(str, dict.fromkeys(shapes)))
        raise ValueError(f'embeddings must all be (B, D), got {got}')
    peers = Peers(len(embeddings[0]))
    if peers.total < 2:
        raise ValueError(
            'a contrastive loss needs at least 2 images in the global '
            f'batch, got {peers.total}: there is no negative. Raise the batch '
            'size, or set `drop_last=True` in the train dataloader if '
            'only the last batch of an epoch is that small'
        )
    return peers
