"""The losses: two rows of numbers in, one row of losses out.

Every loss here is a function of ``pos (N,)``, the cosine of each anchor with
its positive, and ``s (N,)``, the logsumexp of its negatives' cosines divided
by the temperature ``t`` (``contrast.py`` makes both):

    dcl      = s - pos / t
    info_nce = log(exp(s) + exp(pos / t)) - pos / t
    q        = exp(s) / (exp(s) + exp(pos / t))

so that ``info_nce = dcl - log q`` and, anchor by anchor, the gradient of
``info_nce`` is ``q`` times that of ``dcl``: DCL is InfoNCE without the factor.
"""

import math
import numbers

import torch
import torch.nn.functional as F
from torch import Tensor


def dcl(
    pos: Tensor,
    s: Tensor,
    temperature: float | Tensor,
    weight: Tensor | None = None,
) -> Tensor:
    """Decoupled contrastive loss of each anchor; it may be negative.

    ``L_DC`` of Yeh et al., ECCV 2022, arXiv 2110.06848 and, with a weight on
    the positive term, ``L_DCW``; the paper sums over anchors, we give rows.

    Args:
        pos: ``(N,)`` cosines with the positive, in [-1, 1].
        s: ``(N,)`` logsumexp over negatives of cosine / temperature.
        temperature: > 0; the one that ``s`` was computed with.
        weight: ``(N,)``, see :func:`von_mises_fisher_weight`. Default: 1.

    Returns:
        ``(N,)`` losses.

    Raises:
        ValueError: Shapes differ, or the temperature is not positive.
    """
    logits = _logits(pos, s, temperature)
    return s - (logits if weight is None else weight * logits)


def info_nce(pos: Tensor, s: Tensor, temperature: float | Tensor) -> Tensor:
    """InfoNCE of each anchor: the positive is in its own denominator.

    Arguments and errors as in :func:`dcl`.

    Returns:
        ``(N,)`` losses, >= 0.
    """
    # -log sigmoid(x) is log(1 + exp(-x)), at any x without overflow.
    return -F.logsigmoid(_logits(pos, s, temperature) - s)


def npc_multiplier(
    pos: Tensor, s: Tensor, temperature: float | Tensor
) -> Tensor:
    """Negative-positive-coupling multiplier ``q`` of each anchor.

    The factor by which InfoNCE shrinks the gradient of an anchor; near 0 for
    small batches of well-aligned views at a low temperature, 1 for DCL.
    ``q_B`` of arXiv 2110.06848. Arguments and errors as in :func:`dcl`.

    Returns:
        ``(N,)`` values in (0, 1).
    """
    return torch.sigmoid(s - _logits(pos, s, temperature))


def von_mises_fisher_weight(
    pos: Tensor, sigma: float | Tensor = 0.5, log_mean: Tensor | None = None
) -> Tensor:
    """DCLW's weight of the positive: hard positives count for more.

    ``w = 2 - exp(pos / sigma) / mean(exp(pos / sigma))``, the negative von
    Mises-Fisher weight of arXiv 2110.06848. The mean of ``w`` is 1, ``w``
    stays below 2, and it is negative for a positive much closer than the
    others.

    Args:
        pos: ``(N,)`` cosines with the positive, in [-1, 1].
        sigma: > 0; the larger, the closer every weight is to 1.
        log_mean: ``()`` logarithm of the mean, which is over the *global*
            batch. Default: that over ``pos``.

    Returns:
        ``(N,)`` weights, with their gradient: detach them to keep the most
        similar positives from being pushed apart.

    Raises:
        ValueError: Sigma is not positive, or there is no positive in all.
    """
    require_positive('sigma', sigma)
    if log_mean is None:
        if len(pos) == 0:
            raise ValueError('a mean needs at least one positive, got none')
        log_mean = torch.logsumexp(pos / sigma, dim=0) - math.log(len(pos))
    # As a difference of logarithms, for exp(1 / sigma) may not be a float.
    return 2 - torch.exp(pos / sigma - log_mean)


def _logits(pos: Tensor, s: Tensor, temperature: float | Tensor) -> Tensor:
    require_positive('temperature', temperature)
    if pos.ndim != 1 or pos.shape != s.shape:
        raise ValueError(
            '`pos` and `s` must both be (N,), got '
            f'{tuple(pos.shape)} and {tuple(s.shape)}'
        )
    return pos / temperature


def require_positive(name: str, value: float | Tensor) -> None:
    """Refuse what is not a finite number above 0, or a tensor ``()`` of one.

    Raises:
        TypeError: It is no number.
        ValueError: It is one, but not finite and above 0.
    """
    if isinstance(value, Tensor):
        number, got = value.ndim == 0, f'a tensor {tuple(value.shape)}'
        value = value.detach()
    else:
        real = isinstance(value, numbers.Real)
        number = real and not isinstance(value, bool)
        got = f'{value!r} ({type(value).__name__})'
    if not number:
        raise TypeError(f'`{name}` must be a number > 0, got {got}')
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f'`{name}` must be a number > 0, got {value}')
