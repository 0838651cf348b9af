"""Average precision of a ranking, by the field's two definitions for VOC."""

import numpy as np

from .targets import IGNORED


def _curve(
    scores: np.ndarray, positive: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Recall at each positive, and the best precision from there on."""
    ranked = positive[np.argsort(-scores, kind='stable')].astype(bool)
    hits = np.cumsum(ranked)
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return hits[ranked] / hits[-1], best[ranked]


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the precision envelope: the mean, over positives, of the
    best precision at that recall or more.

    VOC's own since 2010, and what VISSL and mmselfsup report for VOC07. Of
    equal scores the first image is ranked first.

    Args:
        scores: ``(N,)``.
        positive: ``(N,)`` truth, with at least one positive.

    Returns:
        In [0, 1].
    """
    return float(_curve(scores, positive)[1].mean())


def eleven_point_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """Mean of the best precision at recalls 0, 0.1, ... 1: VOC's of 2007.

    Args:
        scores: ``(N,)``.
        positive: ``(N,)`` truth, with at least one positive.

    Returns:
        In [0, 1].
    """
    recall, best = _curve(scores, positive)
    tenths = np.arange(11) / 10
    first = np.searchsorted(recall, tenths - 1e-12)
    return float(best[first].mean())


def precisions(scores: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Both average precisions of a class, without the ignored images.

    Args:
        scores: ``(Q,)``.
        targets: ``(Q,)`` of 1, 0 and -1.
    """
    kept = targets != IGNORED
    scores, positive = scores[kept], targets[kept] == 1
    return (
        average_precision(scores, positive),
        eleven_point_precision(scores, positive),
    )
