"""What rounding leaves of each loss's gradient, as q falls from 1 to 1e-8.

    python tools/exact/precision.py --json precision.json
    python tools/exact/precision.py --weights mmdcl://dcl_slimr18_cifar10 \
        --data-root data/cifar10

Cosines of two views of real images, in float64, are rounded as a product under
autocast is; what follows is computed in that precision by each formulation.
Errors are of one anchor, relative to float64: of the *gradient* of its
embedding, across it, which is what passes a normalisation, and of the *pull*,
the derivative for the positive cosine: -q / t for InfoNCE, -1 / t for DCL.

q falls with the temperature. Both views are first moved, by `--move`, toward
their mean: with a positive that is not the nearest, q goes to 1 instead. An
anchor counts at each temperature, where its q is; medians are shown.
"""

import torch
import torch.nn.functional as F
from coupling import multipliers
from features import DIGITS, cosines, embeddings
from record import flags, show, write
from torch import Tensor

from mmdcl.functional import normalise
from mmdcl.models import DCLHead, DCLWHead, InfoNCEHead

TEMPERATURES = [10 ** (-k / 16) for k in range(6, 37)]  # 0.42 to 0.006
# A precision, and what the loss is multiplied by before the backward, as
# GradScaler does: the largest power of two that float16 has.
PRECISIONS = {
    'float32': (torch.float32, 1.0),
    'bfloat16': (torch.bfloat16, 1.0),
    'float16': (torch.float16, 2.0**15),
    'float16 without loss scaling': (torch.float16, 1.0),
}
QS = [10 ** (-k / 2) for k in range(17)]  # middles of what is put together


def _logits(pos: Tensor, neg: Tensor, t: float) -> Tensor:
    return torch.cat([pos[:, None], neg], 1) / t


def _cross_entropy(logits: Tensor) -> Tensor:
    return F.cross_entropy(logits, logits.new_zeros(len(logits)).long())


def _log_sum(logits: Tensor) -> Tensor:
    return (logits.logsumexp(1) - logits[:, 0]).mean()


def _widened(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


# Cosines (N,) and (N, K) and a temperature to the mean over anchors.
FORMS = {
    'InfoNCE, cross-entropy': lambda *x: _cross_entropy(_logits(*x)),
    # Autocast does so by itself, with logits that are rounded already.
    'InfoNCE, cross-entropy in float32': lambda *x: _cross_entropy(
        _widened(_logits(*x))
    ),
    'InfoNCE, logsumexp - positive': lambda *x: _log_sum(_logits(*x)),
    'InfoNCE, mmdcl': lambda pos, neg, t: InfoNCEHead(t).loss(pos, neg),
    'DCL, logsumexp - positive': lambda pos, neg, t: (
        (neg / t).logsumexp(1) - pos / t
    ).mean(),
    'DCL, mmdcl': lambda pos, neg, t: DCLHead(t).loss(pos, neg),
    'DCLW, mmdcl': lambda pos, neg, t: DCLWHead(t).loss(pos, neg),
}


def computable(precision: str) -> bool:
    """Old releases of torch have no losses in float16 on a CPU."""
    logits = torch.zeros(2, 2, dtype=PRECISIONS[precision][0])
    try:
        return bool((_cross_entropy(logits) + _log_sum(logits)).isfinite())
    except RuntimeError:
        return False


def sharpened(views: Tensor, move: float) -> Tensor:
    """Both views ``(2, N, D)`` moved, 1 is all the way to their mean."""
    return normalise(views + move * (views.mean(0) - views))


def gradient(
    views: Tensor, t: float, form: str, dtype: torch.dtype, scale: float
) -> tuple[Tensor, Tensor]:
    """Of the embeddings ``(2N, D)``, and of the positive cosines ``(2N,)``."""
    anchors, pos, neg = cosines(views)
    loss = FORMS[form](pos.to(dtype), neg.to(dtype), t)
    found = torch.autograd.grad(
        loss, (anchors, pos), torch.full_like(loss, scale)
    )
    rows, pull = (x / scale for x in found)
    along = (rows * anchors).sum(1, keepdim=True)
    return (rows - along * anchors).detach(), pull


def errors(
    views: Tensor, t: float, form: str, precision: str
) -> tuple[Tensor, Tensor]:
    """Of the gradient and of the pull of each anchor, ``(2N,)``."""
    right, right_pull = gradient(views, t, form, torch.float64, 1.0)
    rows, pull = gradient(views, t, form, *PRECISIONS[precision])
    of_rows = (rows - right).norm(dim=1) / right.norm(dim=1)
    return of_rows, ((pull - right_pull) / right_pull).abs()


def medians(q: Tensor, values: Tensor) -> list[float]:
    """Of the values around each of ``QS``; NaN where there are none."""
    near = (-2 * q.log10()).round()
    return [values[near == k].median().item() for k in range(len(QS))]


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument('--images', type=int, default=128, help='of a batch')
    parser.add_argument('--weights', default=DIGITS)
    parser.add_argument('--move', type=float, default=0.5)
    args = parser.parse_args()
    views, what = embeddings(
        args.weights, args.images, args.data_root, args.seed
    )
    views = sharpened(views, args.move)
    q = torch.cat([multipliers(views, t) for t in TEMPERATURES])
    shown = range(0, len(QS), 2)
    heads = [f'q = {QS[k]:.0e}' for k in shown]
    show('loss', 'precision', 'error of', *heads)
    show(*['---'] * (3 + len(shown)))
    near = (-2 * q.log10()).round()
    given = dict(
        anchors=[int((near == k).sum()) for k in range(len(QS))],
        weights=args.weights,
        embeddings=what,
        images=args.images,
        move=args.move,
        seed=args.seed,
    )
    rows = []
    for precision in filter(computable, PRECISIONS):
        for form in FORMS:
            each = [errors(views, t, form, precision) for t in TEMPERATURES]
            found = [medians(q, torch.cat(x)) for x in zip(*each, strict=True)]
            row = dict(form=form, precision=precision, q=QS)
            row |= dict(zip(('gradient', 'pull'), found, strict=True))
            rows.append(row | given)
            for name in ('gradient', 'pull'):
                show(form, precision, name, *(row[name][k] for k in shown))
    write(args.json, rows)


if __name__ == '__main__':
    main()
