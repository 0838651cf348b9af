"""Hardest pairs and their shares, against loops."""

import math

import pytest
import torch
import torch.nn.functional as F

from mmdcl.report.pictures import pair_ranking
from mmdcl.report.pictures.pair_ranking import rank_pairs

TEMPERATURE = 0.2


@pytest.fixture
def vectors(monkeypatch):
    """Seven images; view 1 of image 4 is nearly view 0 of image 2."""
    monkeypatch.setattr(pair_ranking, '_CHUNK', 4)
    vectors = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(3))
    vectors[1, 4] = 2 * vectors[0, 2] + 1e-3
    return vectors


def by_loops(vectors):
    """Of each anchor: positive cosine, and cosines with its negatives."""
    views, images = vectors.shape[:2]
    z = F.normalize(vectors.double(), dim=2)
    for view in range(views):
        for image in range(images):
            negatives = {
                (v, i): float(z[view, image] @ z[v, i])
                for v in range(views)
                for i in range(images)
                if i != image
            }
            yield float(z[view, image] @ z[1 - view, image]), negatives


def test_the_hardest_negative_is_the_constructed_one(vectors):
    [first, *others] = rank_pairs(vectors, TEMPERATURE).hardest_negatives(5)
    assert {*zip(first.views, first.images, strict=True)} == {(0, 2), (1, 4)}
    assert first.cosine > 0.999
    cosines = [first.cosine, *(pair.cosine for pair in others)]
    assert cosines == sorted(cosines, reverse=True)
    seen = [image for pair in (first, *others) for image in pair.images]
    assert len(seen) == len({*seen})


def test_shares_and_q_are_those_of_the_loss(vectors):
    ranking = rank_pairs(vectors, TEMPERATURE)
    held = torch.zeros(12, dtype=torch.float64)
    for anchor, (positive, negatives) in enumerate(by_loops(vectors)):
        terms = {k: math.exp(x / TEMPERATURE) for k, x in negatives.items()}
        total = sum(terms.values())
        view, image = max(terms, key=terms.get)
        assert ranking.nearest[anchor] == view * 7 + image
        share = terms[view, image] / total
        assert float(ranking.shares[anchor]) == pytest.approx(share, rel=1e-4)
        q = total / (total + math.exp(positive / TEMPERATURE))
        assert float(ranking.q[anchor]) == pytest.approx(q, rel=1e-4)
        shares = sorted((x / total for x in terms.values()), reverse=True)
        held += torch.tensor(shares, dtype=torch.float64).cumsum(0) / 14
    assert torch.allclose(ranking.concentration, held, atol=1e-6)
    assert int(ranking.histogram.sum()) == 14 * 12


def test_q_is_for_the_negatives_of_training(vectors):
    here = rank_pairs(vectors, TEMPERATURE).q
    more = rank_pairs(vectors, TEMPERATURE, negatives=10 * 12).q
    odds = here / (1 - here), more / (1 - more)
    assert torch.allclose(odds[1], 10 * odds[0], rtol=1e-2)


def test_positives_from_the_easiest_and_from_the_hardest(vectors):
    ranking = rank_pairs(vectors, TEMPERATURE)
    cosines = [positive for positive, _ in by_loops(vectors)][:7]
    order = sorted(range(7), key=cosines.__getitem__)
    hardest = ranking.positive_pairs(7, hardest=True)
    assert [pair.images[0] for pair in hardest] == order
    easiest = ranking.positive_pairs(3, hardest=False)
    assert [pair.images[0] for pair in easiest] == order[::-1][:3]
    assert easiest[0].cosine == pytest.approx(max(cosines), abs=1e-6)
