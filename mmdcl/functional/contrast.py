"""From embeddings to ``pos`` and ``s``, of which every loss is made.

``pos`` is a product of two embeddings. ``s``, the logsumexp over negatives, is
the one expensive thing. :func:`dense_log_sums` defines it, with the whole
matrix in memory; ``kernel.tiled_log_sums`` is the same function in tiles, and
:func:`log_sums` the door to both.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .gather import (
    Peers,
    check_images,
    gather_with_gradient,
    gather_without_gradient,
)
from .kernel import tile_for, tiled_log_sums
from .unit import normalise, normalise_once, pair_cosines


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
    """:func:`view_contrast` of two views, as in SimCLR and DCL.

    The ``N = 2B`` rows are those of the first views, then of the second; an
    anchor has ``K = 2(G - 1)`` negatives.
    """
    return view_contrast((view1, view2), temperature, tile)


def view_contrast(
    views: Sequence[Tensor],
    temperature: float | Tensor,
    tile: int | None = None,
    same_view: bool = False,
    peers: Peers | None = None,
) -> Contrast:
    """Contrast views of each image with all views of all other images.

    Embeddings are normalised here, in float32 at least and outside any
    autocast. Each process computes the rows of its own anchors against the
    columns of the global batch; an image's own are left out by index.

    Args:
        views: ``V >= 2`` times ``(B, D)``, of the same images on this process.
        temperature: > 0. A tensor ``()`` that requires a gradient needs
            ``tile=0``.
        tile: Rows of a tile, or 0: all similarities at once, in memory that
            grows with the square of ``N``, for second derivatives and
            ``torch.func``. Default: what suits, see :func:`.kernel.tile_for`.
        same_view: Negatives are of the anchor's view alone, ``G - 1``.
        peers: Who holds which images, if that is known already.

    Returns:
        Rows of the ``N = V(V - 1)B`` pairs of an anchor and a positive: all
        views with the next view each, then with the one after it, ...; each
        with the ``K = V(G - 1)`` negatives of its anchor.

    Raises:
        ValueError: Shapes differ, the temperature is not positive, or the
            global batch holds a single image and so no negative.
        NotImplementedError: A gradient was asked for that tiles do not have;
            also later, when a gradient is differentiated.
    """
    with torch.autocast(views[0].device.type, enabled=False):
        peers = check_images(*views, peers=peers)
        tile = tile_for(tile, temperature, peers.total, views[0].device)
        z = (normalise_once if tile else normalise)(torch.stack(list(views)))
        pos = pair_cosines(z, z)
        # In tiles, gradients of columns come to the anchors by another way.
        gather = gather_without_gradient if tile else gather_with_gradient
        columns = gather(z.transpose(0, 1), peers).transpose(0, 1)
        length = 1 if same_view else len(z)
        pairs = torch.split(z, length), torch.split(columns, length)
        parts = list(zip(*pairs, strict=True))
        s = [log_sums(*x, peers, temperature, tile, True) for x in parts]
        neg = [mean_negatives(*x, peers) for x in parts]
        rows = [pos, *(torch.cat(x).expand_as(pos) for x in (s, neg))]
    return Contrast(*(x.flatten() for x in rows))


def dense_log_sums(
    anchors: Tensor,
    columns: Tensor,
    peers: Peers,
    temperature: float | Tensor,
    classes: Tensor | None = None,
) -> Tensor:
    """``s (A, B)`` of each anchor over the columns of all other images.

    Args:
        anchors: ``(A, B, D)`` of length 1, ``A`` for each image.
        columns: ``(V, G, D)`` of length 1, ``V`` for each image.
        peers: Who holds which images.
        temperature: > 0.
        classes: ``(G,)`` of the images: those of an anchor's class are not
            among its negatives. Default: each image is its own class.
    """
    if classes is None:
        classes = torch.arange(columns.shape[1], device=columns.device)
    own = classes[peers.own, None] == classes  # (B, G)
    logits = anchors.flatten(0, 1) @ columns.flatten(0, 1).T / temperature
    logits = logits.view(
        *anchors.shape[:2], *columns.shape[:2]
    )  # (A, B, V, G)
    logits = logits.masked_fill(own[:, None], -torch.inf)
    return torch.logsumexp(logits.flatten(2), dim=2)


def log_sums(
    anchors: Tensor,
    columns: Tensor,
    peers: Peers,
    temperature: float | Tensor,
    tile: int,
    alike: bool = False,
    classes: Tensor | None = None,
) -> Tensor:
    """``s (A, B)``, in tiles or (0) dense.

    Arguments as in :func:`dense_log_sums` and :func:`.kernel.tiled_log_sums`.
    """
    given = anchors, columns, peers
    if tile:
        return tiled_log_sums(*given, float(temperature), tile, alike, classes)
    return dense_log_sums(*given, temperature, classes)


@torch.no_grad()
def mean_negatives(anchors: Tensor, columns: Tensor, peers: Peers) -> Tensor:
    """Mean cosine ``(A, B)`` with the columns of all other images."""
    # The mean of products is the product with the mean.
    others = columns.sum((0, 1)) - columns[:, peers.own].sum(0)  # (B, D)
    count = len(columns) * (peers.total - 1)
    return (anchors * others).sum(-1) / count
