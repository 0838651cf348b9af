"""The losses as the paper writes them: loops over anchors and negatives."""

import math

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
    loss: str,
    view1: Tensor,
    view2: Tensor,
    tau: float,
    sigma: float = 0.5,
    detach: bool = True,
) -> Tensor:
    """Mean over the 2N anchors, one scalar operation at a time.

    Args:
        loss: ``'info_nce'``, ``'dcl'`` or ``'dclw'``.
        view1: ``(N, D)``, float64.
        view2: ``(N, D)``.
        tau: Temperature.
        sigma: Of the weight of DCLW.
        detach: Whether the weight is a constant.
    """
    views = [[z / z.norm() for z in view] for view in (view1, view2)]
    n = len(view1)

    similarity = [
        math.e ** (dot(*pair) / sigma) for pair in zip(*views, strict=True)
    ]
    mean = sum(similarity) / n
    losses = []
    for k in (0, 1):
        for i in range(n):
            anchor, positive = views[k][i], views[1 - k][i]
            negatives = sum(
                torch.exp(dot(anchor, views[v][j]) / tau)
                for v in (0, 1)
                for j in range(n)
                if j != i
            )
            p = dot(anchor, positive) / tau
            w = 2 - similarity[i] / mean
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
    """NNCLR as the paper writes it: mean over the 2N neighbours.

    Args:
        loss: ``'info_nce'``, ``'dcl'`` or ``'dclw'``.
        queue: Normalised rows ``(D,)`` of the support set.
        projections: Both views, each ``(N, D)``, float64.
        predictions: Both views, each ``(N, D)``.
        tau: Temperature.
        both_views: Negatives are predictions of both views.
        sigma: Of the weight of DCLW, which is a constant.
    """
    p = [[x / x.norm() for x in view] for view in predictions]
    n = len(p[0])
    anchors = []
    for k in (0, 1):
        for i in range(n):
            z = projections[k][i].detach()
            cosine = [float(dot(z / z.norm(), q)) for q in queue]
            anchor = queue[cosine.index(max(cosine))]
            positive = dot(anchor, p[1 - k][i])
            views = (0, 1) if both_views else (1 - k,)
            negatives = sum(
                torch.exp(dot(anchor, p[v][j]) / tau)
                for v in views
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
