"""From what a network made of some images to the numbers of its quality."""

from typing import Any

import torch
from torch import Tensor

from .. import functional

BINS = 40  # of cosines, over [-1, 1]
_VALUES = 256  # of a spectrum that is kept
_QUANTILES = (0.1, 0.5, 0.9)


def of_space(
    rows: Tensor, pairs: Tensor | None
) -> tuple[dict[str, float], list[float]]:
    """How vectors lie, by :mod:`mmdcl.functional.geometry`.

    Args:
        rows: ``(R, D)``.
        pairs: ``(2, B, D)`` two views of each image, or ``None``.

    Returns:
        Numbers, and the spectrum: singular values of the centred rows, the
        largest first, of sum 1.
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
    values = eigenvalues.sqrt()
    values = values[:_VALUES] / values.sum().clamp_min(1e-300)
    spectrum = [float(f'{x:.4g}') for x in values.tolist()]
    extent = dict(width=rows.shape[1], rows=len(rows))
    return {k: float(x) for k, x in found.items()} | extent, spectrum


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
        pairs: ``(2, B, D)``; negatives are those of the first views, with
            both views of all other images.
    """
    z = functional.normalise(pairs)
    every = z[0] @ z.flatten(0, 1).T  # (B, 2B)
    positive = every.diagonal(pairs.shape[1]).clone()
    own = torch.eye(pairs.shape[1], dtype=torch.bool, device=z.device)
    # What is outside of the range is not counted.
    negative = every.clamp_(-1, 1).masked_fill_(own.repeat(1, 2), 2)
    return histogram(positive.clamp(-1, 1)), histogram(negative)


def histogram(cosine: Tensor) -> list[int]:
    """``BINS`` counts over [-1, 1]; what is outside is left out."""
    # On the host: on a GPU histc refuses where training is deterministic.
    counts = torch.histc(cosine.detach().float().cpu(), BINS, -1, 1)
    return counts.int().tolist()
