import math

import pytest
import torch

from mmdcl.functional import knn_scores, nearest


def data(q=11, m=57, d=6, classes=4):
    torch.manual_seed(0)
    return (
        torch.randn(q, d),
        torch.randn(m, d),
        torch.randint(classes, (m,)),
    )


def loop_scores(queries, bank, labels, classes, k, temperature):
    scores = torch.zeros(len(queries), classes)
    for i, query in enumerate(queries):
        cosine = [
            float(torch.dot(query, row) / query.norm() / row.norm())
            for row in bank
        ]
        best = sorted(range(len(bank)), key=lambda j: -cosine[j])[:k]
        for j in best:
            scores[i, labels[j]] += math.exp(cosine[j] / temperature)
    return scores / scores.sum(1, keepdim=True)


@pytest.mark.parametrize('tile', [5, 20, 1000])
@pytest.mark.parametrize('k', [1, 7, 57])
def test_equals_the_loops_whatever_the_tile(k, tile):
    queries, bank, labels = data()
    scores = knn_scores(queries, bank, labels, 4, k, 0.07, tile)
    expected = loop_scores(queries, bank, labels, 4, k, 0.07)
    torch.testing.assert_close(scores, expected)


def test_query_chunks_do_not_matter():
    queries, bank, labels = data()
    whole = nearest(queries, [(bank, labels)], 5)
    parts = nearest(queries, [(bank, labels)], 5, chunk=3)
    torch.testing.assert_close(whole, parts)


def test_bank_smaller_than_k():
    queries, bank, labels = data()
    with pytest.raises(ValueError, match=r'k=58 .* holds only 57'):
        knn_scores(queries, bank, labels, 4, k=58)
