"""DCL as arXiv 2110.06848 writes it: a loop over anchors and negatives."""

from torch import Tensor

SIGMA = 0.5  # of DCLW, everybody's default
READINGS = 'DCL', 'DCLW', 'DCLW, through the weight'


def paper(views: Tensor, t: float, reading: str) -> Tensor:
    """The mean over both views of all images.

    Args:
        views: ``(2, N, D)`` of length 1.
        t: Temperature.
        reading: One of ``READINGS``: the paper does not say whether the
            weight is a constant.
    """
    n = views.shape[1]
    positive = [views[0, i] @ views[1, i] for i in range(n)]
    alike = [(x / SIGMA).exp() for x in positive]
    total, losses = sum(alike), []
    for k, i in ((k, i) for k in (0, 1) for i in range(n)):
        negatives = sum(
            (views[k, i] @ views[x, j] / t).exp()
            for x in (0, 1)
            for j in range(n)
            if j != i
        )
        weight = 2 - alike[i] / (total / n) if reading != 'DCL' else 1
        if reading == 'DCLW':
            weight = weight.detach()
        losses.append(negatives.log() - weight * positive[i] / t)
    return sum(losses) / len(losses)
