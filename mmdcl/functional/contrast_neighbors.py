"""The contrast of NNCLR: anchors are neighbours, candidates predictions."""

import torch
from torch import Tensor

from .contrast import Contrast, check_images, log_sums
from .gather import gather_with_gradient
from .kernel import tile_for
from .unit import normalise, normalise_once


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
    symmetrised. Precision, processes and errors as in
    :func:`mmdcl.functional.two_view_contrast`.

    Args:
        neighbor1: ``(B, D)`` neighbours of the first views on this process.
        neighbor2: ``(B, D)`` neighbours of the second views.
        prediction1: ``(B, D)`` predictions of the first views.
        prediction2: ``(B, D)`` predictions of the second views.
        temperature: > 0.
        both_views: Negatives are both views of all other images, ``K =
            2(G - 1)``, instead of the positive's view only, ``K = G - 1``
            (the paper).
        tile: As there.

    Returns:
        Rows of the ``N = 2B`` anchors, neighbours of first views first.
    """
    given = neighbor1, neighbor2, prediction1, prediction2
    with torch.autocast(prediction1.device.type, enabled=False):
        peers = check_images(*given)
        tile = tile_for(tile, temperature, peers.total, prediction1.device)
        unit = normalise_once if tile else normalise
        p = unit(torch.stack([prediction1, prediction2]))  # (2, B, D)
        n = unit(torch.stack([neighbor1, neighbor2])).to(p.dtype)
        pos = (n * p.flip(0)).sum(-1)
        columns = gather_with_gradient(p.transpose(0, 1), peers)
        columns = columns.transpose(0, 1)  # (2, G, D)
        # Anchors with their columns: both halves at once, or one by one.
        parts = [(n, columns)]
        if not both_views:
            parts = [(n[:1], columns[1:]), (n[1:], columns[:1])]
        sums = [log_sums(*x, peers, temperature, tile) for x in parts]
        s, neg = (torch.cat(x).flatten() for x in zip(*sums, strict=True))
    return Contrast(pos.flatten(), s, neg)
