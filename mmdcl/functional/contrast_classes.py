"""The contrast where images have classes: more positives, fewer negatives."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .contrast import Contrast, log_sums
from .gather import (
    Peers,
    check_images,
    gather_with_gradient,
    gather_without_gradient,
)
from .kernel import tile_for
from .unit import normalise, normalise_once, pair_cosines


def class_contrast(
    views: Sequence[Tensor],
    labels: Tensor,
    temperature: float | Tensor,
    class_positives: bool = True,
    tile: int | None = None,
    peers: Peers | None = None,
) -> Contrast:
    """Contrast views of each image with all views of images of other classes.

    An image without a label is a class of its own. Precision, processes,
    errors as in :func:`mmdcl.functional.view_contrast`, of which this is the
    rows where no two images are of one class.

    Args:
        views: ``V >= 2`` times ``(B, D)``, of the same images on this process.
        labels: ``(B,)`` whole numbers, below 0 where there is none. On the
            host no device is waited for.
        temperature: > 0.
        class_positives: Positives are all other embeddings of the anchor's
            class, and ``pos`` is their mean cosine: with
            :func:`mmdcl.functional.dcl` the loss is the mean over positives,
            none of which is in a denominator. Otherwise they are the other
            views of its image alone, as without labels, and the loss is NSCL
            (Luthra et al., 2025, arXiv 2506.04411).
        tile: As there.
        peers: As there.

    Returns:
        Rows of the ``N = VB`` anchors, first views first; of the ``V(V - 1)B``
        pairs without ``class_positives``.

    Raises:
        ValueError: All images of the global batch are of one class.
        TypeError: Labels are no whole numbers.
    """
    with torch.autocast(views[0].device.type, enabled=False):
        peers = check_images(*views, peers=peers)
        tile = tile_for(tile, temperature, peers.total, views[0].device)
        z = (normalise_once if tile else normalise)(torch.stack(list(views)))
        classes, sizes = (
            x.to(z.device, non_blocking=True) for x in _classes(labels, peers)
        )
        columns = gather_with_gradient(z.transpose(0, 1), peers)
        columns = columns.transpose(0, 1)  # (V, G, D)
        # Of the anchor's class: the sum of its embeddings, and their number.
        sums = torch.zeros_like(columns[0]).index_add(
            0, classes, columns.sum(0)
        )
        own = classes[peers.own]
        mates, count = sums[own], len(z) * sizes[own]
        if class_positives:
            pos = (z * (mates - z)).sum(-1) / (count - 1)
        else:
            pos = pair_cosines(z, z)
        # In tiles, gradients of columns come to the anchors by another way.
        given = z, columns.detach() if tile else columns, peers
        s = log_sums(*given, temperature, tile, True, classes)
        with torch.no_grad():
            others = columns.sum((0, 1)) - mates  # (B, D)
            neg = (z * others).sum(-1) / (len(z) * peers.total - count)
    rows = (pos, s.expand_as(pos), neg.expand_as(pos))
    return Contrast(*(x.flatten() for x in rows))


def _classes(labels: Tensor, peers: Peers) -> tuple[Tensor, Tensor]:
    """``(G,)`` classes of all images, numbered from 0 on, and their sizes."""
    size = peers.own.stop - peers.own.start
    if labels.shape != (size,):
        raise ValueError(
            f'`labels` must be (B,), one for each of the {size} images, got '
            f'{tuple(labels.shape)}'
        )
    if labels.is_floating_point() or labels.is_complex():
        raise TypeError(f'`labels` must be whole numbers, got {labels.dtype}')
    host = labels.device.type == 'cpu'
    labels = gather_without_gradient(labels.long(), peers, host)
    alone = -1 - torch.arange(len(labels), device=labels.device)
    labels = torch.where(labels < 0, alone, labels)
    values, classes, sizes = torch.unique(
        labels, return_inverse=True, return_counts=True
    )
    if len(values) < 2:
        raise ValueError(
            f'all {peers.total} images of the global batch are of class '
            f'{int(values[0])}, and negatives are of other classes: there is '
            'none. Raise the batch size, or train on more than one class'
        )
    return classes, sizes
