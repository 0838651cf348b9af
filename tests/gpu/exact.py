"""Contrasts and losses in float64 on the host, whole matrices in sight.

`tests/reference.py` has them as the papers do, scalar by scalar, for a
handful of images; these are for hundreds.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def unit(views: Sequence[Tensor]) -> Tensor:
    """``(V, N, D)`` of length 1."""
    x = torch.stack(list(views))
    assert x.dtype == torch.float64
    return x / x.square().sum(-1, keepdim=True).sqrt()


def log_sums(
    anchors: Tensor, columns: Tensor, classes: Tensor, t: float
) -> Tensor:
    """``(A, N)`` of anchors ``(A, N, D)`` and columns ``(V, N, D)``."""
    logits = torch.einsum('and,vmd->anvm', anchors, columns) / t
    own = classes[:, None, None] == classes
    return logits.masked_fill(own, -torch.inf).flatten(2).logsumexp(2)


def neighbors_contrast(
    neighbors: Sequence[Tensor],
    predictions: Sequence[Tensor],
    t: float,
    all_views: bool,
) -> tuple[Tensor, Tensor]:
    """Rows of the neighbours with the next view each, and so on."""
    n, p = unit(neighbors), unit(predictions)
    each = torch.arange(n.shape[1])
    pos, s = [], []
    for r in range(1, len(p)):
        for a in range(len(n)):
            view = p[(a + r) % len(p)]
            columns = p if all_views else view[None]
            pos.append((n[a] * view).sum(-1))
            s.append(log_sums(n[a : a + 1], columns, each, t)[0])
    return torch.cat(pos), torch.cat(s)


def view_contrast(
    views: Sequence[Tensor],
    t: float,
    same_view: bool = False,
    classes: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Rows of all views with the next view each, and so on."""
    z = unit(views)
    if classes is None:
        classes = torch.arange(z.shape[1])
    shifts = range(1, len(z))
    pos = torch.stack([(z * z.roll(-r, 0)).sum(-1) for r in shifts])
    parts = z.split(1 if same_view else len(z))
    s = torch.cat([log_sums(x, x, classes, t) for x in parts])
    return pos.flatten(), s.expand_as(pos).flatten()


def class_contrast(
    views: Sequence[Tensor], classes: Tensor, t: float
) -> tuple[Tensor, Tensor]:
    """Rows of the anchors; the positive is the mean over the others of its
    class."""
    rows, every = unit(views).flatten(0, 1), classes.repeat(len(views))
    mates = (every[:, None] == every).double().fill_diagonal_(0)
    pos = (mates * (rows @ rows.T)).sum(1) / mates.sum(1)
    _, s = view_contrast(views, t, classes=classes)
    return pos, s[: len(pos)]


def dcl(pos: Tensor, s: Tensor, t: float) -> Tensor:
    return (s - pos / t).mean()


def dclw(pos: Tensor, s: Tensor, t: float, sigma: float = 0.5) -> Tensor:
    similar = (pos.detach() / sigma).exp()
    return (s - (2 - similar / similar.mean()) * pos / t).mean()


def info_nce(pos: Tensor, s: Tensor, t: float) -> Tensor:
    return (((pos / t).exp() + s.exp()).log() - pos / t).mean()


def macl(views: Sequence[Tensor], t: float, alpha: float = 0.5) -> Tensor:
    """InfoNCE over a constant q, at a temperature that is a constant."""
    pos, _ = view_contrast(views, t)
    t = t * (1 + alpha * float(pos.mean()))
    pos, s = view_contrast(views, t)
    together = (pos / t).exp() + s.exp()
    q = (s.exp() / together).detach()
    return ((together.log() - pos / t) / q).mean()
