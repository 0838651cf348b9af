"""The losses as the paper writes them: loops over anchors and negatives."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def dot(a: Tensor, b: Tensor) -> Tensor:
    return sum(x * y for x, y in zip(a, b, strict=True))


def row(
    loss: str, p: Tensor, negatives: Tensor, weight: Tensor | None = None
) -> Tensor:
    """One anchor: ``p = cosine / tau`` and the sum over its negatives."""
    if loss == 'info_nce':
        return -p + torch.log(torch.exp(p) + negatives)
    if loss == 'dcl':
        return -p + torch.log(negatives)
    return -weight * p + torch.log(negatives)


def contrastive(
    loss: str, view1: Tensor, view2: Tensor, *args: Any, **kwargs: Any
) -> Tensor:
    """Two views: mean over the 2N anchors; see :func:`views_contrastive`."""
    return views_contrastive(loss, (view1, view2), *args, **kwargs)


def views_contrastive(
    loss: str,
    views: Sequence[Tensor],
    tau: float,
    sigma: float = 0.5,
    detach: bool = True,
    same_view: bool = False,
) -> Tensor:
    """Mean over all pairs of an anchor and a positive, scalar by scalar.

    Args:
        loss: ``'info_nce'``, ``'dcl'`` or ``'dclw'``.
        views: ``V`` times ``(N, D)``, float64.
        tau: Temperature.
        sigma: Of the weight of DCLW.
        detach: Whether the weight is a constant.
        same_view: Negatives are of the anchor's view alone.
    """
    z = [[x / x.norm() for x in view] for view in views]
    count, n = len(z), len(z[0])
    pairs = [
        (k, other, i)
        for k, other in itertools.permutations(range(count), 2)
        for i in range(n)
    ]
    similarity = [
        math.e ** (dot(z[k][i], z[other][i]) / sigma) for k, other, i in pairs
    ]
    mean = sum(similarity) / len(pairs)
    losses = []
    for (k, other, i), similar in zip(pairs, similarity, strict=True):
        negatives = sum(
            torch.exp(dot(z[k][i], z[v][j]) / tau)
            for v in ([k] if same_view else range(count))
            for j in range(n)
            if j != i
        )
        p = dot(z[k][i], z[other][i]) / tau
        w = 2 - similar / mean
        w = w.detach() if detach else w
        losses.append(row(loss, p, negatives, w))
    return sum(losses) / len(losses)


def neighbor_contrastive(
    loss: str,
    queue: list[Tensor],
    projections: list[Tensor],
    predictions: list[Tensor],
    tau: float,
    both_views: bool = False,
    sigma: float = 0.5,
) -> Tensor:
    """NNCLR as the paper writes it: mean over all pairs of a neighbour.

    Args:
        loss: ``'info_nce'``, ``'dcl'`` or ``'dclw'``.
        queue: Normalised rows ``(D,)`` of the support set.
        projections: Of the first views, each ``(N, D)``, float64.
        predictions: Of all views, each ``(N, D)``.
        tau: Temperature.
        both_views: Negatives are predictions of all views.
        sigma: Of the weight of DCLW, which is a constant.
    """
    p = [[x / x.norm() for x in view] for view in predictions]
    n = len(p[0])
    anchors = []
    numbers = range(len(p))
    for k, other in itertools.permutations(numbers, 2):
        for i in range(n if k < len(projections) else 0):
            z = projections[k][i].detach()
            cosine = [float(dot(z / z.norm(), q)) for q in queue]
            anchor = queue[cosine.index(max(cosine))]
            positive = dot(anchor, p[other][i])
            negatives = sum(
                torch.exp(dot(anchor, p[v][j]) / tau)
                for v in (numbers if both_views else (other,))
                for j in range(n)
                if j != i
            )
            anchors.append((positive, negatives))
    similarity = [math.e ** (c.detach() / sigma) for c, _ in anchors]
    mean = sum(similarity) / len(anchors)
    return sum(
        row(loss, positive / tau, negatives, 2 - similarity[i] / mean)
        for i, (positive, negatives) in enumerate(anchors)
    ) / len(anchors)
