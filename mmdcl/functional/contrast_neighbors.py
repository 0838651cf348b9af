"""The contrast of NNCLR: anchors are neighbours, candidates predictions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .contrast import Contrast, log_sums, mean_negatives
from .gather import Peers, check_images, gather_with_gradient
from .kernel import tile_for
from .unit import normalise, normalise_once, pair_cosines


def neighbor_contrast(
    neighbor1: Tensor,
    neighbor2: Tensor,
    prediction1: Tensor,
    prediction2: Tensor,
    temperature: float | Tensor,
    both_views: bool = False,
    tile: int | None = None,
) -> Contrast:
    """:func:`neighbors_contrast` of two views, as in NNCLR.

    Equation 3 of Dwibedi et al., ICCV 2021, arXiv 2104.14548, symmetrised.
    The ``N = 2B`` rows are those of neighbours of first views, then of second.
    """
    neighbors, predictions = (neighbor1, neighbor2), (prediction1, prediction2)
    return neighbors_contrast(
        neighbors, predictions, temperature, both_views, tile
    )


def neighbors_contrast(
    neighbors: Sequence[Tensor],
    predictions: Sequence[Tensor],
    temperature: float | Tensor,
    all_views: bool = False,
    tile: int | None = None,
    peers: Peers | None = None,
) -> Contrast:
    """Contrast neighbours of some views with predictions of all the others.

    The neighbour of a view is the anchor, the prediction of another view of
    the same image its positive, predictions of other images its negatives.
    Precision, processes and errors as in
    :func:`mmdcl.functional.view_contrast`.

    Args:
        neighbors: ``A >= 1`` times ``(B, D)``: of the first ``A`` views on
            this process.
        predictions: ``V >= 2`` times ``(B, D)``, of all views.
        temperature: > 0.
        all_views: Negatives are all views of all other images, ``K =
            V(G - 1)``, instead of the positive's view only, ``K = G - 1``
            (the paper).
        tile: As there.
        peers: As there.

    Returns:
        Rows of the ``N = A(V - 1)B`` pairs of an anchor and a positive: all
        neighbours with the next view each, then with the one after it, ...
    """
    if not 1 <= len(neighbors) <= len(predictions) >= 2:
        raise ValueError(
            'neighbours of the first views or of all, and predictions of two '
            f'views or more are needed, got {len(neighbors)} and '
            f'{len(predictions)}'
        )
    with torch.autocast(predictions[0].device.type, enabled=False):
        peers = check_images(*neighbors, *predictions, peers=peers)
        device = predictions[0].device
        tile = tile_for(tile, temperature, peers.total, device)
        unit = normalise_once if tile else normalise
        p = unit(torch.stack(list(predictions)))  # (V, B, D)
        n = unit(torch.stack(list(neighbors))).to(p.dtype)  # (A, B, D)
        pos = pair_cosines(n, p)  # (V - 1, A, B)
        columns = gather_with_gradient(p.transpose(0, 1), peers)
        columns = columns.transpose(0, 1)  # (V, G, D)
        # Anchors with their columns: all at once, or view by view.
        parts = [(n, columns)]
        if not all_views:
            ones, every = torch.split(n, 1), torch.split(columns, 1)
            parts = [
                (one, every[(a + r) % len(p)])
                for r in range(1, len(p))
                for a, one in enumerate(ones)
            ]
        s = [log_sums(*x, peers, temperature, tile) for x in parts]
        neg = [mean_negatives(*x, peers) for x in parts]
        shape = len(parts) // len(n) or 1, *n.shape[:2]
        each = [torch.cat(x).view(shape).expand_as(pos) for x in (s, neg)]
    rows = (pos, *each)
    return Contrast(*(x.flatten() for x in rows))
