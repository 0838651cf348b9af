"""From a matrix that is there already, of cosines or logits, to rows."""

from torch import Tensor, logsumexp

from .losses import require_positive
from .unit import full_precision


def log_sum_negatives(neg: Tensor, temperature: float | Tensor) -> Tensor:
    """``s (N,)``, at least float32, where cosines are there already.

    Args:
        neg: ``(N, K)`` cosines with the negatives, in [-1, 1].
        temperature: > 0.
    """
    require_positive('temperature', temperature)
    if neg.ndim != 2 or neg.shape[1] == 0:
        raise ValueError(
            f'`neg` must be (N, K) with K >= 1, got {tuple(neg.shape)}'
        )
    return logsumexp(full_precision(neg) / temperature, dim=1)


def split_logits(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The logit of the positive, and the logsumexp over all others.

    With cosines divided by a temperature as logits these are ``pos / t`` and
    ``s`` of :func:`mmdcl.functional.dcl`: cross-entropy is
    ``info_nce(pos, s, 1)``, which ``dcl(pos, s, 1)`` decouples.

    Args:
        logits: ``(N, M)``, ``M >= 2``; computed with in float32 at least.
        labels: ``(N,)`` whole numbers: the column of each positive.

    Returns:
        ``pos (N,)`` and ``s (N,)``.

    Raises:
        ValueError: Shapes do not fit, or no column is left for a negative.
        TypeError: Labels are no whole numbers.
    """
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(
            '`logits` must be (N, M) with one positive and M - 1 >= 1 '
            f'negatives, got {tuple(logits.shape)}'
        )
    if labels.shape != logits.shape[:1]:
        raise ValueError(
            '`labels` must be (N,), the column of the positive of each of '
            f'the {len(logits)} rows of `logits`, got {tuple(labels.shape)}'
        )
    if labels.is_floating_point() or labels.is_complex():
        raise TypeError(
            f'`labels` must be whole numbers, got {labels.dtype}; targets '
            'that are mixed or smoothed have no single positive to decouple'
        )
    column = labels.long()[:, None]
    logits = full_precision(logits)
    pos = logits.gather(1, column).squeeze(1)
    # Not by assignment: in some versions that waits for an accelerator.
    return pos, logsumexp(logits.scatter(1, column, float('-inf')), dim=1)
