import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from mmdcl.protocols.average_precision import (
    average_precision,
    eleven_point_precision,
)


def points(scores, positive):
    """(recall, precision) after each image, by hand."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    found, hits = [], 0
    for rank, i in enumerate(order, 1):
        hits += bool(positive[i])
        found.append((hits / sum(map(bool, positive)), hits / rank))
    return found


def best(found, recall):
    return max(p for r, p in found if r >= recall - 1e-12)


@pytest.mark.parametrize('seed', range(5))
def test_both_are_their_definitions(seed):
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, 12, 40).astype(float)  # many are equal
    positive = generator.random(40) < 0.3
    found = points(scores, positive)
    area, before = 0.0, 0.0
    for recall, _ in found:
        area += (recall - before) * best(found, recall)
        before = recall
    assert average_precision(scores, positive) == pytest.approx(area)
    eleven = sum(best(found, i / 10) for i in range(11)) / 11
    assert eleven_point_precision(scores, positive) == pytest.approx(eleven)


def test_the_envelope_is_never_below_the_curve():
    generator = np.random.default_rng(0)
    scores, positive = generator.random(200), generator.random(200) < 0.2
    plain = average_precision_score(positive, scores)
    assert plain < average_precision(scores, positive) < plain + 0.1
    ranked = np.arange(10)[::-1].astype(float)
    perfect = np.array([1] * 4 + [0] * 6)
    assert average_precision(ranked, perfect) == 1
    assert eleven_point_precision(ranked, perfect) == 1
