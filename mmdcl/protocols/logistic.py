"""Multinomial logistic regression, to its optimum, on any device."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_TILE = 65536  # rows at a time
_STEPS = 500
_FLAT = 1e-5  # of the gradient, where it ends


class Logistic(NamedTuple):
    """A linear classifier.

    Attributes:
        weight: ``(C, D)``.
        bias: ``(C,)``.
    """

    weight: Tensor
    bias: Tensor

    def predict(self, features: Tensor) -> Tensor:
        """``(N,)`` classes of ``(N, D)`` features, on the host."""
        found = [
            F.linear(tile, self.weight, self.bias).argmax(1).cpu()
            for tile in features.split(_TILE)
        ]
        return torch.cat(found)


def fit_logistic(
    features: Tensor,
    labels: Tensor,
    classes: int,
    penalty: float,
    begin: Logistic | None = None,
) -> Logistic:
    """The minimum of ``mean cross entropy + penalty / 2 |weight|^2``.

    By L-BFGS over all rows at once: nothing is drawn, no learning rate is
    chosen. In scikit-learn's terms ``C = 1 / (N penalty)``.

    Args:
        features: ``(N, D)`` float32, best standardised.
        labels: ``(N,)`` in [0, C).
        classes: ``C``.
        penalty: > 0.
        begin: Where to begin; default: zeros.
    """
    device, width = features.device, features.shape[1]
    parts = torch.zeros(classes, width + 1, device=device)
    if begin is not None:
        parts.copy_(torch.cat([begin.weight, begin.bias[:, None]], 1))
    parts.requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [parts],
        max_iter=_STEPS,
        tolerance_grad=_FLAT,
        tolerance_change=1e-9,
        history_size=20,
        line_search_fn='strong_wolfe',
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        total = penalty / 2 * parts[:, :-1].square().sum()
        total.backward()
        total = total.detach()
        for tile, wanted in zip(
            features.split(_TILE), labels.split(_TILE), strict=True
        ):
            scores = F.linear(tile, parts[:, :-1], parts[:, -1])
            loss = F.cross_entropy(scores, wanted, reduction='sum')
            loss = loss / len(features)
            loss.backward()
            total = total + loss.detach()
        return total

    with torch.enable_grad():
        optimizer.step(objective)
    found = parts.detach()
    return Logistic(found[:, :-1].clone(), found[:, -1].clone())


def held_out(labels: Tensor, seed: int) -> Tensor:
    """A fifth of each class, drawn by ``seed``, and at least one image of it.

    Args:
        labels: ``(N,)``, at least two of each class.

    Returns:
        ``(N,)``, true for what is held out.
    """
    out = torch.zeros(len(labels), dtype=torch.bool)
    generator = torch.Generator().manual_seed(seed)
    for label in labels.unique():
        places = (labels == label).nonzero()[:, 0]
        drawn = places[torch.randperm(len(places), generator=generator)]
        out[drawn[: max(1, len(places) // 5)]] = True
    return out


def best_logistic(
    features: Tensor,
    labels: Tensor,
    classes: int,
    penalties: Sequence[float],
    seed: int,
) -> tuple[Logistic, float]:
    """The classifier at the best penalty, fitted to all, and that penalty.

    By the accuracy on what :func:`held_out` gives; of equal ones the larger
    penalty.

    Args:
        features: ``(N, D)``, where to compute.
        labels: ``(N,)``, on the host.
        classes: ``C``.
        penalties: To choose from.
        seed: Of what is held out.
    """
    penalties = sorted(penalties, reverse=True)
    out = held_out(labels, seed)
    wanted = labels.to(features.device)
    kept, checked = features[~out.to(wanted.device)], labels[out]
    found, best = None, (-1.0, 0.0)
    for penalty in penalties if len(penalties) > 1 else ():
        inner = wanted[~out.to(wanted.device)]
        found = fit_logistic(kept, inner, classes, penalty, found)
        guessed = found.predict(features[out.to(wanted.device)])
        score = float((guessed == checked).double().mean())
        if score > best[0]:
            best = score, penalty
    penalty = best[1] or penalties[0]
    return fit_logistic(features, wanted, classes, penalty), penalty
