"""SVMs against scikit-learn itself, and what images they are given."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from mmdcl.protocols.low_shot import draw_shots
from mmdcl.protocols.machines import POSITIVES_TWICE, choose_cost

COSTS = (1e-3, 1e-1, 10.0)


@pytest.fixture(scope='module')
def rows():
    generator = np.random.default_rng(0)
    labels = (generator.random(120) < 0.3).astype(int)
    features = generator.normal(size=(120, 8)) + 0.4 * labels[:, None]
    return features / np.linalg.norm(features, axis=1, keepdims=True), labels


def test_the_cost_is_the_best_over_three_folds(rows):
    """VISSL's: stratified, unshuffled; positives count twice."""
    features, labels = rows
    scores = []
    for cost in COSTS:
        fold_scores = []
        for train, test in StratifiedKFold(3).split(features, labels):
            fitted = LinearSVC(C=cost, class_weight={0: 1, 1: 2}).fit(
                features[train], labels[train]
            )
            guessed = fitted.decision_function(features[test])
            fold_scores.append(average_precision_score(labels[test], guessed))
        scores.append(np.mean(fold_scores))
    wanted = COSTS[int(np.argmax(scores))]
    found, cost = choose_cost(
        features, labels, COSTS, 3, 0, 'average_precision', POSITIVES_TWICE
    )
    assert cost == wanted
    again = LinearSVC(C=wanted, class_weight={0: 1, 1: 2}).fit(*rows)
    np.testing.assert_allclose(found.coef_, again.coef_, atol=1e-4)


def test_primal_and_dual_are_one_problem(rows):
    dual = LinearSVC(dual=True, max_iter=100000, tol=1e-8).fit(*rows)
    found, _ = choose_cost(*rows, [1.0], 3, 0, 'accuracy')
    np.testing.assert_allclose(found.coef_, dual.coef_, atol=2e-3)


def test_shots_are_positives_of_a_class_and_others():
    generator = np.random.default_rng(0)
    targets = generator.choice([1, 0, -1], (200, 4), p=[0.2, 0.6, 0.2])
    drawn = [list(draw_shots(targets, 3, (0, i))) for i in (0, 0, 1)]
    assert all(map(np.array_equal, drawn[0], drawn[1]))
    assert not all(map(np.array_equal, drawn[0], drawn[2]))
    for label, places in enumerate(drawn[0]):
        values = targets[places, label].tolist()
        assert values == [1] * 3 + [0] * 9
        assert len(set(places.tolist())) == 12
