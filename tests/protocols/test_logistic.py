import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from mmdcl.protocols import logistic
from mmdcl.protocols.layers import standardised


@pytest.fixture(scope='module')
def rows():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    features = torch.randn(90, 5, generator=generator)
    features += torch.eye(3, 5)[labels]
    return features, labels


@pytest.mark.parametrize('penalty', [1e-3, 1e-1])
def test_it_is_scikit_learns_optimum(rows, penalty, monkeypatch):
    """Tile by tile, as well."""
    monkeypatch.setattr(logistic, '_TILE', 37)
    features, labels = rows
    found = logistic.fit_logistic(features, labels, 3, penalty)
    theirs = LogisticRegression(C=1 / (90 * penalty), tol=1e-8)
    theirs.fit(features.double().numpy(), labels.numpy())
    np.testing.assert_allclose(
        found.weight.numpy(), theirs.coef_, atol=3e-3 * abs(theirs.coef_).max()
    )
    guessed = theirs.predict(features.double().numpy())
    assert found.predict(features).tolist() == guessed.tolist()


def test_the_penalty_is_chosen_by_what_is_held_out(rows):
    features, labels = rows
    out = logistic.held_out(labels, 0)
    assert torch.equal(out, logistic.held_out(labels, 0))
    assert [int(out[labels == x].sum()) for x in range(3)] == [6, 6, 6]
    one = torch.tensor([0, 0, 1, 1])
    assert [int(x) for x in logistic.held_out(one, 0)[[0, 1]]] in (
        [0, 1],
        [1, 0],
    )
    penalties = (1e-4, 1e-2, 10.0)
    scores = {}
    for penalty in penalties:
        inner = logistic.fit_logistic(features[~out], labels[~out], 3, penalty)
        right = inner.predict(features[out]) == labels[out]
        scores[penalty] = float(right.double().mean())
    wanted = max(sorted(penalties, reverse=True), key=scores.get)
    found, penalty = logistic.best_logistic(features, labels, 3, penalties, 0)
    assert penalty == wanted
    again = logistic.fit_logistic(features, labels, 3, wanted)
    torch.testing.assert_close(found.weight, again.weight)


def test_of_equal_penalties_the_larger_is_taken(rows):
    apart = 20 * torch.eye(3, 5)[rows[1]]
    _, penalty = logistic.best_logistic(apart, rows[1], 3, (1e-3, 1e-2), 0)
    assert penalty == 1e-2


def test_features_are_standardised_by_the_training_images(rows):
    train = torch.cat([rows[0], torch.full((90, 1), 7.0)], 1)
    ours, theirs = standardised(train, train + 1)
    assert ours[:, :5].mean(0).abs().max() < 1e-6
    torch.testing.assert_close(ours[:, :5].std(0), torch.ones(5))
    assert not ours[:, 5].any()
    assert theirs.isfinite().all()
