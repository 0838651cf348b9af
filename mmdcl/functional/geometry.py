"""How features lie in space: quality that needs no labels.

Everything is computed in float64 and without gradient. Ranks are effective
ones: ``exp`` of the entropy of a spectrum that sums to 1, so that ``r`` equal
values have the rank ``r``, however many zeros come with them. They cannot
exceed ``min(N, D)``, and compare only between equal ``N``.
"""

import math

import torch
from torch import Tensor

from .losses import require_positive
from .unit import normalise

_FLOOR = 1e-7  # RankMe's: keeps the logarithm of nothing finite
_NONE = 1e-12  # of the largest eigenvalue: smaller ones are rounding


def alignment(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared distance of positive pairs, in [0, 4]; 0 is the same.

    Wang & Isola, ICML 2020, arXiv 2005.10242, equation 2 with power 2.

    Args:
        x: ``(N, D)`` features of one view; normalised here.
        y: ``(N, D)`` features of the other view, same order.
    """
    _require_rows('x', x)
    if x.shape != y.shape:
        raise ValueError(
            '`y` must have the shape of `x`, got '
            f'{tuple(y.shape)} for {tuple(x.shape)}'
        )
    return (_unit(x) - _unit(y)).square().sum(1).mean()


def uniformity(features: Tensor, t: float = 2.0) -> Tensor:
    """Log of the mean Gaussian potential of all pairs, in [-4t, 0].

    The lower, the more evenly features cover the sphere; 0 is one point.
    Wang & Isola, ICML 2020, arXiv 2005.10242, equation 3.

    Args:
        features: ``(N, D)``, ``N >= 2``; normalised here.
        t: > 0, of the potential ``exp(-t |x - y|^2)``.
    """
    _require_rows('features', features, 2)
    require_positive('t', t)
    z = _unit(features)
    row, column = torch.triu_indices(len(z), len(z), 1, device=z.device)
    squared = 2 - 2 * (z @ z.T)[row, column]
    return squared.mul(-t).logsumexp(0) - math.log(len(row))


def spread(features: Tensor) -> Tensor:
    """Standard deviation of normalised features, times ``sqrt(D)``.

    In [0, 1]: 0 is one point, 1 a centred sphere. Chen & He, CVPR 2021,
    arXiv 2011.10566, section 4.1, watch the same without the factor.

    Args:
        features: ``(N, D)``; normalised here.
    """
    _require_rows('features', features)
    scale = math.sqrt(features.shape[1])
    deviation: Tensor = _unit(features).std(0, correction=0).mean()
    return deviation * scale


def singular_values(features: Tensor) -> Tensor:
    """``(min(N, D),)`` singular values, the largest first.

    By eigenvalues of the smaller of the two products of ``features`` with
    itself: far cheaper than a decomposition, and exact to about 1e-8 of the
    largest.

    Args:
        features: ``(N, D)``.
    """
    _require_rows('features', features)
    x = features.detach().double()
    product = x @ x.T if len(x) < x.shape[1] else x.T @ x
    eigenvalues: Tensor = torch.linalg.eigvalsh(product)
    return eigenvalues.flip(0).clamp_min(0).sqrt()


def covariance_spectrum(features: Tensor) -> Tensor:
    """Eigenvalues of the covariance, the largest first.

    Args:
        features: ``(N, D)``.

    Returns:
        ``(min(N, D),)``; others are zero.
    """
    _require_rows('features', features)
    x = features.detach().double()
    return singular_values(x - x.mean(0)).square() / len(x)


def effective_rank(spectrum: Tensor) -> Tensor:
    """``exp`` of the entropy of a spectrum, in [1, len(spectrum)].

    Roy & Vetterli, EUSIPCO 2007. A spectrum of zeros has the rank 1.

    Args:
        spectrum: ``(K,)``, not negative: singular values or eigenvalues.
    """
    return _exp_entropy(_shares(spectrum))


def rank_me(features: Tensor) -> Tensor:
    """Effective rank of the features themselves, in [1, min(N, D)].

    Garrido et al., ICML 2023, arXiv 2210.02885: of singular values, not
    centred, with 1e-7 added to each share.

    Args:
        features: ``(N, D)``.
    """
    return _floored_rank(singular_values(features))


def alpha_req(eigenvalues: Tensor) -> Tensor:
    """``alpha`` of eigenvalues that fall as ``index ** -alpha``.

    The slope of a line through the logarithms of all of them, by least
    squares. Near 1 is good, says Agrawal et al., NeurIPS 2022,
    arXiv 2202.05808; larger is nearer to collapse. NaN if fewer than 2 are
    above rounding.

    Args:
        eigenvalues: ``(K,)`` of a covariance, the largest first; see
            :func:`covariance_spectrum`.
    """
    kept = eigenvalues[eigenvalues > _NONE * eigenvalues[:1]].double()
    y = kept.log()
    x = torch.arange(1, len(y) + 1, dtype=y.dtype, device=y.device).log()
    x, y = x - x.mean(), y - y.mean()
    return -(x * y).sum() / x.square().sum()


def lidar(views: Tensor, delta: float = 1e-4) -> Tensor:
    """Effective rank of what tells images apart, beside their views.

    Of ``W^-1/2 B W^-1/2``, where ``B`` is the covariance of the images'
    means and ``W`` that of views around their image's mean, plus ``delta``
    on its diagonal: directions count by how far images differ in them,
    measured in how far views do. Thilak et al., ICLR 2024, arXiv 2312.04000,
    who take 50 views of each image; with 2, compare it with itself only.

    Args:
        views: ``(V, N, D)`` features of ``V >= 2`` views of ``N`` images.
        delta: > 0.

    Returns:
        In [1, min(N, D)].
    """
    if views.ndim != 3 or len(views) < 2 or 0 in views.shape:
        raise ValueError(
            f'`views` must be (V, N, D) with V >= 2, got {tuple(views.shape)}'
        )
    require_positive('delta', delta)
    x = views.detach().double()
    mean = x.mean(0)
    between = (mean - mean.mean(0)) / len(mean) ** 0.5  # (N, D), B = b'b
    within = (x - mean).flatten(0, 1)  # (V N, D)
    within = within / (len(mean) * (len(x) - 1)) ** 0.5  # W = w'w + delta
    if len(within) < x.shape[2]:
        # The same eigenvalues in the space of images, by Woodbury.
        inner = within @ within.T
        inner.diagonal().add_(delta)
        cross = within @ between.T
        solved = torch.linalg.solve(inner, cross)
        product = (between @ between.T - cross.T @ solved) / delta
    else:
        inner = within.T @ within
        inner.diagonal().add_(delta)
        half = torch.linalg.cholesky(inner)
        root = torch.linalg.solve_triangular(half, between.T, upper=False)
        wide = len(root) > root.shape[1]
        product = root.T @ root if wide else root @ root.T
    eigenvalues = torch.linalg.eigvalsh(product).clamp_min(0)
    return _floored_rank(eigenvalues)


def _require_rows(name: str, x: Tensor, least: int = 1) -> None:
    if x.ndim != 2 or len(x) < least or x.shape[1] == 0:
        raise ValueError(
            f'`{name}` must be (N, D) with N >= {least}, got {tuple(x.shape)}'
        )


def _unit(x: Tensor) -> Tensor:
    return normalise(x.detach().double())


def _shares(spectrum: Tensor) -> Tensor:
    total = spectrum.double().sum()
    return spectrum.double() / total.masked_fill(total == 0, 1)


def _floored_rank(spectrum: Tensor) -> Tensor:
    return _exp_entropy(_shares(spectrum) + _FLOOR)


def _exp_entropy(share: Tensor) -> Tensor:
    entropy: Tensor = torch.special.entr(share).sum()
    return entropy.exp()
