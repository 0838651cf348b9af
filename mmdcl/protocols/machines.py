"""Linear support vector machines on features, by scikit-learn."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
from torch import Tensor

from ..arguments import require_number, several
from ..errors import UserModuleNotFoundError
from ..functional import normalise

MAX_ITERATIONS = 2000
# A positive of a class counts as two others, as in VISSL.
POSITIVES_TWICE = {1: 2, 0: 1}


def require_sklearn() -> None:
    """Refuse to begin without scikit-learn.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    if find_spec('sklearn') is None:
        raise UserModuleNotFoundError(
            'this protocol needs scikit-learn: pip install scikit-learn, or '
            "'mmdcl[report]'"
        )


def require_costs(costs: Any) -> tuple[float, ...]:
    """Costs of an argument, positive numbers.

    Raises:
        TypeError: They are no numbers.
        ValueError: There is none, or one is not positive.
    """
    each = several('costs', costs)
    for cost in each:
        require_number('costs', cost, above=0)
    return tuple(map(float, each))


def machine(cost: float, seed: int, weights: dict | None = None) -> Any:
    """An untrained ``LinearSVC``: squared hinge, L2, by liblinear.

    It is solved in the primal where there are more images than dimensions:
    the same problem, many times faster, and nothing random.

    Args:
        cost: ``C`` > 0.
        seed: Of the order of images, in the dual.
        weights: Of classes.
    """
    from sklearn.svm import LinearSVC

    return LinearSVC(
        C=cost,
        class_weight=weights,
        dual='auto',
        max_iter=MAX_ITERATIONS,
        random_state=seed,
    )


def choose_cost(
    features: np.ndarray,
    labels: np.ndarray,
    costs: Sequence[float],
    folds: int,
    seed: int,
    scoring: str,
    weights: dict | None = None,
) -> tuple[Any, float]:
    """The machine of the best cost, trained on all, and that cost.

    By the mean score over stratified folds, in the order of the images; of
    equal ones the first of ``costs``. Threads, for liblinear lets go of
    Python's lock.
    """
    from joblib import parallel_backend
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(
        machine(1, seed, weights),
        {'C': list(costs)},
        scoring=scoring,
        cv=folds,
        n_jobs=-1,
    )
    with parallel_backend('threading'):
        search.fit(features, labels)
    return search.best_estimator_, search.best_params_['C']


def unit_rows(features: Tensor) -> np.ndarray:
    """``(N, D)`` features of length 1, in float64 as liblinear wants them."""
    return normalise(features).double().numpy()


@contextmanager
def counted_warnings() -> Iterator[list]:
    """Collects what scikit-learn warns of, for one line in its place."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        yield caught
