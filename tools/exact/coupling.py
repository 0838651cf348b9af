"""The ratio of InfoNCE's gradient to DCL's is q, and how small q is in runs.

    python tools/exact/coupling.py
    python tools/exact/coupling.py work_dirs/dcl_resnet18_1xb128_digits

Embeddings of two views of training images, in batches; `--images` of a batch,
`--batches` of them. The gradient of each loss of one anchor with respect to
its embedding, norm over norm, less q, relative to q: the largest over all
anchors, in float64 and in float32. Of a work_dir, all its checkpoints of
epochs, so that the shares are those over training.
"""

import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import torch
from features import DIGITS, cosines, embeddings
from record import flags, show, write
from torch import Tensor

from mmdcl.functional import (
    dcl,
    info_nce,
    log_sum_negatives,
    npc_multiplier,
)


def norms(views: Tensor, t: float, loss: Callable) -> Tensor:
    """Of the gradient of each anchor's loss for its embedding, ``(2N,)``."""
    anchors, pos, neg = cosines(views)
    rows = loss(pos, log_sum_negatives(neg, t), t)
    (found,) = torch.autograd.grad(rows.sum(), anchors)
    return found.norm(dim=1)


def multipliers(views: Tensor, t: float) -> Tensor:
    """q ``(2N,)``."""
    _, pos, neg = (x.detach() for x in cosines(views))
    return npc_multiplier(pos, log_sum_negatives(neg, t), t)


def farthest(views: Tensor, t: float, dtype: torch.dtype) -> float:
    """Largest relative distance of the ratio of norms from q in float64."""
    q = multipliers(views, t)
    views = views.to(dtype)
    ratio = norms(views, t, info_nce) / norms(views, t, dcl)
    return float((ratio.double() / q - 1).abs().max())


def checkpoints(place: str) -> list[str]:
    """All epochs of a work_dir, in their order; else the place itself."""
    if '://' in place or not Path(place).is_dir():
        return [place]
    found = Path(place).glob('epoch_*.pth')
    return sorted(
        map(str, found), key=lambda x: int(re.findall(r'\d+', x)[-1])
    )


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument('--images', type=int, default=128, help='of a batch')
    parser.add_argument(
        'checkpoints', nargs='*', default=[DIGITS], help='files or work_dirs'
    )
    parser.add_argument('--batches', type=int, default=4)
    parser.add_argument('--temperatures', type=float, nargs='+', default=[0.1])
    parser.add_argument('--config', help='instead of that of the checkpoint')
    args = parser.parse_args()
    columns = ('mean', 'median', 'below_0.1', 'float64', 'float32')
    show('checkpoint', 'of', 'temperature', *columns)
    show(*['---'] * 8)
    rows = []
    for path in chain.from_iterable(map(checkpoints, args.checkpoints)):
        total = args.images * args.batches
        views, what = embeddings(
            path, total, args.data_root, args.seed, args.config
        )
        mixed = torch.Generator().manual_seed(args.seed)
        order = torch.randperm(views.shape[1], generator=mixed)
        batches = views[:, order].split(args.images, dim=1)
        for t in args.temperatures:
            q = torch.cat([multipliers(x, t) for x in batches])
            row = dict(
                mean=q.mean().item(),
                median=q.median().item(),
                below=(q < 0.1).double().mean().item(),
            )
            for dtype in (torch.float64, torch.float32):
                row[str(dtype).removeprefix('torch.')] = max(
                    farthest(x, t, dtype) for x in batches
                )
            name = path if '://' in path else '/'.join(Path(path).parts[-2:])
            show(name, what, t, *row.values())
            given = dict(checkpoint=name, embeddings=what)
            given |= dict(temperature=t, batch=args.images, anchors=len(q))
            rows.append(given | row | dict(seed=args.seed))
    write(args.json, rows)


if __name__ == '__main__':
    main()
