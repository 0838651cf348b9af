"""The losses as the paper writes them: loops over anchors and negatives."""

import math

import torch
from torch import Tensor


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

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return sum(x * y for x, y in zip(a, b, strict=True))

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
            if loss == 'info_nce':
                losses.append(-p + torch.log(torch.exp(p) + negatives))
            elif loss == 'dcl':
                losses.append(-p + torch.log(negatives))
            else:
                w = 2 - similarity[i] / mean
                w = w.detach() if detach else w
                losses.append(-w * p + torch.log(negatives))
    return sum(losses) / len(losses)
