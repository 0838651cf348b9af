"""Time and memory of the contrastive loss, forward and backward, and peers'.

    pip install -c constraints.txt '.[onedl,bench]'
    python tools/speed/loss.py --json loss.json
    python tools/speed/loss.py --peers tiles dense --images 8 16 32 64
    python tools/speed/loss.py --peers mmdcl supcon six

DCL of two views by mmdcl (as `mmdcl.SimCLR` computes it), by the whole matrix
(`tile=0`), and by lightly; and the InfoNCE of mmpretrain's `SimCLR`. `supcon`
is the contrast of ten classes of equal size, as `mmdcl.SupCon` has it, and
`six` that of six views, as of multi-crop. Rounds of all are interleaved, and
medians of process CPU time (on a GPU: of time between synchronisations) are
shown. Memory is the peak beyond the embeddings, in a process of its own. The
error is that of the gradient against float64.
"""

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from measure import Table, available, flags, interleaved
from torch import Tensor

TEMPERATURE = 0.1
# The whole matrix in float64, for the gradient's error.
LARGEST_CHECKED = 4096


def mmdcl(tile: int | None) -> Callable:
    from mmdcl.functional import dcl, two_view_contrast

    def loss(view1: Tensor, view2: Tensor) -> Tensor:
        pos, s, _ = two_view_contrast(view1, view2, TEMPERATURE, tile)
        return dcl(pos, s, TEMPERATURE).mean()

    return loss


def supcon() -> Callable:
    from mmdcl.functional import class_contrast, dcl

    def loss(view1: Tensor, view2: Tensor) -> Tensor:
        views, labels = (view1, view2), torch.arange(len(view1)) % 10
        pos, s, _ = class_contrast(views, labels, TEMPERATURE)
        return dcl(pos, s, TEMPERATURE).mean()

    return loss


def six() -> Callable:
    from mmdcl.functional import dcl, view_contrast

    def loss(view1: Tensor, view2: Tensor) -> Tensor:
        pos, s, _ = view_contrast((view1, view2) * 3, TEMPERATURE)
        return dcl(pos, s, TEMPERATURE).mean()

    return loss


def lightly() -> Callable:
    from lightly.loss import DCLLoss

    return DCLLoss(temperature=TEMPERATURE)


class _Listed(torch.nn.Module):
    """A neck that leaves projections as they are, ``(N, D, 1, 1)``."""

    def forward(self, views: Tensor) -> list[Tensor]:
        return [views.flatten(1)]


def mmpretrain() -> Callable:
    """InfoNCE from projections: what follows the neck in its SimCLR."""
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import MODELS

    init_default_scope('mmpretrain')
    model = MODELS.build(
        dict(
            type='SimCLR',
            backbone=dict(type='ResNet', depth=18),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(
                type='ContrastiveHead',
                loss=dict(type='CrossEntropyLoss'),
                temperature=TEMPERATURE,
            ),
        )
    )
    model.backbone = torch.nn.Identity()
    model.neck = _Listed()

    def loss(view1: Tensor, view2: Tensor) -> Tensor:
        images = [view[..., None, None] for view in (view1, view2)]
        return model.loss(images, [])['loss']

    return loss


PEERS = {
    'mmdcl': lambda: mmdcl(None),
    'dense': lambda: mmdcl(0),
    'tiles': lambda: mmdcl(256),  # also where `mmdcl` does not choose them
    'supcon': supcon,
    'six': six,
    'lightly': lightly,
    'mmpretrain': mmpretrain,
}
# What another loss than DCL of two views has is no error.
OTHERS = ('supcon', 'six', 'mmpretrain')


def embeddings(images: int, width: int, device: str) -> list[Tensor]:
    torch.manual_seed(images)
    views = torch.randn(2, images, width, device=device)
    return [view.clone().requires_grad_() for view in views]


def step(loss: Callable, views: list[Tensor]) -> list[Tensor]:
    for view in views:
        view.grad = None
    loss(*views).backward()
    return [view.grad for view in views]


def _status(key: str) -> int:
    """KiB of this process, as Linux counts them."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return int(next(x.split()[1] for x in lines if x.startswith(key)))


def _peak(name: str, images: int, width: int, device: str, answer) -> None:
    """MiB that a step needs beyond what was there before it."""
    torch.set_num_threads(1)
    # What packages say while they are imported has been said before.
    with contextlib.redirect_stdout(open(os.devnull, 'w')):
        loss = PEERS[name]()
    step(loss, embeddings(8, width, device))
    views = embeddings(images, width, device)
    if device == 'cpu':
        Path('/proc/self/clear_refs').write_text('5')  # forget the peak
        before = _status('VmRSS')
        step(loss, views)
        answer.put((_status('VmHWM') - before) / 1024)
    else:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(loss, views)
        peak = torch.cuda.max_memory_allocated()
        answer.put((peak - before) / 2**20)


def peak(name: str, images: int, width: int, device: str) -> float:
    context = multiprocessing.get_context('spawn')
    answer = context.SimpleQueue()
    process = context.Process(
        target=_peak, args=(name, images, width, device, answer)
    )
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f'error: {name} with {images} images did not finish')
    return answer.get()


def gradient_error(
    loss: Callable, exact: Callable, views: list[Tensor]
) -> float:
    """Norm of the gradient's difference from float64, relative."""
    found = torch.cat(step(loss, views)).double()
    doubled = [view.detach().double().requires_grad_() for view in views]
    wanted = torch.cat(step(exact, doubled))
    return float((found - wanted).norm() / wanted.norm())


def main() -> None:
    parser = flags(__doc__, rounds=7)
    parser.add_argument(
        '--images', type=int, nargs='+', default=[256, 1024, 4096]
    )
    parser.add_argument('--width', type=int, default=128)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--peers', nargs='+', choices=PEERS)
    parser.add_argument('--no-memory', action='store_true')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    names = args.peers or available(PEERS, lightly='lightly')
    if not args.peers:
        names = [x for x in names if x not in ('tiles', 'supcon')]
    losses = {name: PEERS[name]() for name in names}
    exact = mmdcl(0)
    table = Table(
        'loss', 'images', 'ms', 'mmdcl is faster', 'peak MiB', 'grad error'
    )
    for images in args.images:
        views = embeddings(images, args.width, args.device)
        seconds = interleaved(
            {
                name: lambda loss=loss, views=views: step(loss, views)
                for name, loss in losses.items()
            },
            args.rounds,
            args.device,
        )
        for name, loss in losses.items():
            checked = images <= LARGEST_CHECKED and name not in OTHERS
            row = dict(
                name=name,
                n_images=images,
                ms=round(1e3 * seconds[name], 3),
                peak_mib=None
                if args.no_memory
                else round(peak(name, images, args.width, args.device), 1),
                grad_error=gradient_error(loss, exact, views)
                if checked
                else None,
                width=args.width,
                threads=args.threads,
                device=args.device,
                rounds=args.rounds,
            )
            ratio = seconds[name] / seconds.get('mmdcl', float('nan'))
            error = f'{row["grad_error"]:.0e}' if checked else ''
            time = f'{row["ms"]:.1f}', f'{ratio:.1f}x'
            table.add(row, name, images, *time, row['peak_mib'], error)
    table.write(args.json)


if __name__ == '__main__':
    main()
