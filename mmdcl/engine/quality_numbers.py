"""From what a network made of some images to the numbers of its quality."""

from typing import Any

import torch
from torch import Tensor

from .. import functional

BINS = 40  # of cosines, over [-1, 1]
_VALUES = 256  # of a spectrum that is kept
_QUANTILES = (0.1, 0.5, 0.9)


def of_space(rows: Tensor, pairs: Tensor | None) -> dict[str, float]:
    """How vectors lie, by :mod:`mmdcl.functional.geometry`.

    Args:
        rows: ``(R, D)``.
        pairs: ``(2, B, D)`` two views of each image, or ``None``.
    """
    eigenvalues = functional.covariance_spectrum(rows)
    found = dict(
        rank_me=functional.rank_me(rows),
        effective_rank=functional.effective_rank(eigenvalues),
        alpha_req=functional.alpha_req(eigenvalues[: len(rows) - 1]),
        spread=functional.spread(rows),
    )
    if pairs is None and len(rows) > 1:
        found['uniformity'] = functional.uniformity(rows)
    elif pairs is not None and pairs.shape[1] > 1:
        # Of different images: two views of one are no sample of the sphere.
        found['uniformity'] = functional.uniformity(pairs[0])
        found['alignment'] = functional.alignment(*pairs)
        found['lidar'] = functional.lidar(pairs)
    found = {name: float(x) for name, x in found.items()}
    return {**found, 'width': rows.shape[1], 'rows': len(rows)}


def spectrum(rows: Tensor) -> list[float]:
    """Singular values of the centred rows, the largest first, sum 1."""
    values = functional.covariance_spectrum(rows).sqrt()
    values = values / values.sum().clamp_min(1e-300)
    return [_short(x) for x in values[:_VALUES].tolist()]


def of_coupling(q: Tensor, head: Any, pos: Tensor) -> dict[str, float]:
    """Quantiles of q, and how many weights of DCLW are negative.

    Args:
        q: ``(N,)`` in (0, 1), of the anchors of all processes.
        head: Whose ``sigma`` is that of a weight, if it has one.
        pos: ``(N,)`` cosines with the positives.
    """
    at = torch.tensor(_QUANTILES, device=q.device)
    low, middle, high = q.float().quantile(at).tolist()
    found = dict(q_p10=low, q_p50=middle, q_p90=high)
    sigma = getattr(head, 'sigma', None)
    if isinstance(sigma, (int, float)):
        weight = functional.von_mises_fisher_weight(pos, sigma)
        found['negative_weights'] = float((weight < 0).float().mean())
    return found


def cosines(pairs: Tensor) -> tuple[list[int], list[int]]:
    """Histograms of two views of an image, and of different images.

    Args:
        pairs: ``(2, B, D)``.
    """
    z = functional.normalise(pairs)
    positive = (z[0] * z[1]).sum(1)
    every = z.flatten(0, 1) @ z.flatten(0, 1).T
    own = torch.eye(pairs.shape[1], dtype=torch.bool, device=z.device)
    return histogram(positive), histogram(every[~own.repeat(2, 2)])


def histogram(cosine: Tensor) -> list[int]:
    """``BINS`` counts over [-1, 1]; those just outside are in the last."""
    inside = cosine.detach().float().flatten().clamp(-1, 1)
    return torch.histc(inside, BINS, -1, 1).int().tolist()


def _short(x: float) -> float:
    return float(f'{x:.6g}')
