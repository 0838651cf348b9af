"""Time and memory of the contrastive loss, forward and backward, and peers'.

    pip install -c constraints.txt '.[onedl,bench]'
    python tools/speed/loss.py --json loss.json
    python tools/speed/loss.py --peers tiles dense --images 8 16 32 64
    python tools/speed/loss.py --peers mmdcl supcon six
    python tools/speed/loss.py --device cuda --peers mmdcl dense compiled

DCL of two views by mmdcl (as `mmdcl.SimCLR` computes it), by the whole matrix
(`tile=0`), and by lightly; and the InfoNCE of mmpretrain's `SimCLR`. `supcon`
is the contrast of ten classes of equal size, as `mmdcl.SupCon` has it, `six`
that of six views, as of multi-crop, and `compiled` the whole matrix under
`torch.compile`. Rounds of all are interleaved, and medians of process CPU time
(on a GPU: of time between synchronisations) are shown. Memory is the peak
beyond the embeddings, in a process of its own (on a GPU: as torch counts it
there). What a GPU has no memory for is a row without numbers. The error is
that of the gradient against float64.
"""

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from measure import Table, available, fits, flags, interleaved
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
    'compiled': lambda: torch.compile(mmdcl(0), dynamic=False),
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


def _peak(name: str, images: int, width: int, answer) -> None:
    """MiB that a step needs beyond what was there before it."""
    torch.set_num_threads(1)
    # What packages say while they are imported has been said before.
    with contextlib.redirect_stdout(open(os.devnull, 'w')):
        loss = PEERS[name]()
    step(loss, embeddings(8, width, 'cpu'))
    views = embeddings(images, width, 'cpu')
    Path('/proc/self/clear_refs').write_text('5')  # forget the peak
    before = _status('VmRSS')
    step(loss, views)
    answer.put((_status('VmHWM') - before) / 1024)


def peak_on_gpu(loss: Callable, views: list[Tensor]) -> float:
    """The same, of what torch holds there."""
    for view in views:
        view.grad = None
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step(loss, views)
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def peak(name: str, images: int, width: int) -> float:
    context = multiprocessing.get_context('spawn')
    answer = context.SimpleQueue()
    process = context.Process(target=_peak, args=(name, images, width, answer))
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
        names = [x for x in names if x not in ('tiles', 'supcon', 'compiled')]
    losses = {name: PEERS[name]() for name in names}
    table = Table(
        'loss', 'images', 'ms', 'mmdcl is faster', 'peak MiB', 'grad error'
    )
    for images in args.images:
        measure(images, losses, table, args)
    table.write(args.json)


def measure(images: int, losses: dict, table: Table, args) -> None:
    """Rows of one number of images."""
    views = embeddings(images, args.width, args.device)
    steps = {
        name: lambda loss=loss: step(loss, views)
        for name, loss in losses.items()
    }
    steps = {name: run for name, run in steps.items() if fits(run)}
    seconds = interleaved(steps, args.rounds, args.device)
    for name, loss in losses.items():
        row = dict(
            name=name,
            n_images=images,
            ms=None,
            peak_mib=None,
            grad_error=None,
            width=args.width,
            threads=args.threads,
            device=args.device,
            rounds=args.rounds,
        )
        if name not in seconds:
            table.add(row, name, images, 'out of memory', '', '', '')
            continue
        row['ms'] = round(1e3 * seconds[name], 3)
        if not args.no_memory:
            given = name, images, args.width
            found = (
                peak(*given)
                if args.device == 'cpu'
                else peak_on_gpu(loss, views)
            )
            row['peak_mib'] = round(found, 1)
        error = ''
        if images <= LARGEST_CHECKED and name not in OTHERS:
            row['grad_error'] = gradient_error(loss, mmdcl(0), views)
            error = f'{row["grad_error"]:.0e}'
        ratio = seconds[name] / seconds.get('mmdcl', float('nan'))
        time = f'{row["ms"]:.1f}', f'{ratio:.1f}x'
        table.add(row, name, images, *time, row['peak_mib'], error)


if __name__ == '__main__':
    main()
