"""Others' DCL on the embeddings that ours is scored on: value and gradient.

    python tools/exact/peers.py
    python tools/exact/peers.py --json peers.json \
        --peer 'lightly 1.5.20=FOLDER:lightly.loss:DCLLoss' \
        --peer 'raminnakhli=CHECKOUT:loss.dcl:DCLW+'

A peer is a class that takes `temperature`, and whose objects take two views
`(N, D)`; a name with `DCLW` is compared with that. FOLDER is where its module
is found before anywhere else: a checkout, or what `pip install --target` has
filled; a `+` at the end adds the loss of the views exchanged. Each runs in a
process of its own, so that versions can be compared.

Right is the equation of arXiv 2110.06848 as a loop over anchors and negatives
in float64, the mean over both views of all images; of DCLW in two readings,
with the weight as a constant and with a gradient through it. Gradients are
those of the unit embeddings, across them: `error` is the distance from the
right one, relative, `length` and `angle` what it is made of.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing import get_context

import torch
from equation import READINGS, SIGMA, paper
from features import DIGITS, embeddings
from record import flags, show, write
from torch import Tensor

from mmdcl.functional import dcl, two_view_contrast, von_mises_fisher_weight


def mmdcl(views: Tensor, t: float, reading: str) -> Tensor:
    """Ours, as `mmdcl.SimCLR` and the heads have it."""
    pos, s, _ = two_view_contrast(*views, t)
    if reading == 'DCL':
        return dcl(pos, s, t).mean()
    source = pos if 'through' in reading else pos.detach()
    return dcl(pos, s, t, von_mises_fisher_weight(source, SIGMA)).mean()


def theirs(views: Tensor, loss: Callable, both_ways: bool) -> Tensor:
    there = loss(*views)
    return there + loss(*views.flip(0)) if both_ways else there


def scored(
    views: Tensor, loss: Callable[..., Tensor], *given: object
) -> tuple[float, Tensor]:
    """Value, and gradient across the embeddings, ``(2, N, D)`` float64."""
    views = views.clone().requires_grad_()
    value = loss(views, *given)
    (found,) = torch.autograd.grad(value, views)
    along = (found * views).sum(-1, keepdim=True)
    return value.item(), (found - along * views).detach().double()


def peer(
    place: str, cases: list[tuple[Tensor, float]]
) -> list[tuple[float, Tensor]]:
    """Scores of a class in a folder; for a process of its own.

    Args:
        place: ``FOLDER:MODULE:CLASS``, or with a ``+``.
        cases: Views, and the temperature.
    """
    os.environ.setdefault('LIGHTLY_DID_VERSION_CHECK', 'True')
    folder, module, name = place.rsplit(':', 2)
    sys.path.insert(0, folder)
    kind = getattr(import_module(module), name.rstrip('+'))
    return [
        scored(views, theirs, kind(temperature=t), name.endswith('+'))
        for views, t in cases
    ]


def compared(
    found: tuple[float, Tensor], right: tuple[float, Tensor]
) -> dict[str, float]:
    (value, gradient), (wanted, true) = found, right
    cosine = torch.cosine_similarity(gradient.flatten(), true.flatten(), 0)
    return dict(
        value=value,
        right=wanted,
        error=float((gradient - true).norm() / true.norm()),
        length=float(gradient.norm() / true.norm()),
        angle=float(cosine.clamp(-1, 1).acos().rad2deg()),
    )


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument('--images', type=int, nargs='+', default=[32, 128])
    parser.add_argument(
        '--temperatures', type=float, nargs='+', default=[0.07, 0.1, 0.5]
    )
    parser.add_argument('--weights', default=DIGITS)
    parser.add_argument(
        '--peer', action='append', default=[], metavar='NAME=PLACE'
    )
    args = parser.parse_args()
    cases = []
    for images in args.images:
        exact, what = embeddings(
            args.weights, images, args.data_root, args.seed
        )
        cases += [(exact, t) for t in args.temperatures]
    single = [(exact.float(), t) for exact, t in cases]
    found = {}
    for given in args.peer:
        name, _, place = given.partition('=')
        with get_context('spawn').Pool(1) as pool:
            found[name, 'DCLW' in place] = pool.apply(peer, (place, single))
    columns = 'value', 'right', 'error', 'length', 'angle'
    show('peer', 'loss', 'images', 'temperature', *columns)
    show(*['---'] * 9)
    rows = []
    for number, (exact, t) in enumerate(cases):
        for reading in READINGS:
            right = scored(exact, paper, t, reading)
            each = {'mmdcl': scored(exact.float(), mmdcl, t, reading)}
            for (name, weighted), scores in found.items():
                if weighted == ('DCLW' in reading):
                    each[name] = scores[number]
            for name, score in each.items():
                row = compared(score, right)
                images = exact.shape[1]
                show(name, reading, images, t, *row.values())
                about = dict(peer=name, loss=reading, images=images)
                about |= dict(temperature=t, weights=args.weights)
                rows.append(about | row | dict(embeddings=what))
    write(args.json, rows)


if __name__ == '__main__':
    main()
