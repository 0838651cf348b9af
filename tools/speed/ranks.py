"""What the loss costs over processes: time, and bytes that each one sends.

    pip install -c constraints.txt '.[onedl,bench]'
    python tools/speed/ranks.py --json ranks.json

Forward and backward from projections, the same number of images on each of
1, 2 and 4 processes, for `mmdcl` (SimCLR and NNCLR, DCL), `lightly`'s DCL with
`gather_distributed` and the InfoNCE of `mmpretrain`'s SimCLR. Milliseconds are
CPU time of a process (its threads included), the median over rounds in which
they take turns. Bytes are counted at torch.distributed: a gather sends what a
process has to each other one, an all-reduce 2 (W - 1) / W of it (a ring).
`exact`: whether the gradient, averaged over processes as DDP does, is that of
one process.
"""

import tempfile
from collections.abc import Callable

import torch
import torch.distributed as dist
from loss import TEMPERATURE, embeddings, mmpretrain
from measure import Table, available, flags, interleaved
from torch import Tensor


def simclr() -> Callable:
    from mmdcl.functional import two_view_contrast
    from mmdcl.models import DCLHead

    head = DCLHead(TEMPERATURE)

    def loss(view1: Tensor, view2: Tensor) -> Tensor:
        rows = two_view_contrast(view1, view2, TEMPERATURE)
        return head.loss_from_rows(rows.pos, rows.s)

    return loss


def nnclr() -> Callable:
    from mmdcl.functional import neighbor_contrast
    from mmdcl.models import DCLHead, SupportSet

    head = DCLHead(TEMPERATURE)
    sets: list = []

    def loss(view1: Tensor, view2: Tensor) -> Tensor:
        if not sets:
            sets.append(SupportSet(size=4096, dim=view1.shape[1]))
        [support] = sets
        queries = torch.cat([view1, view2]).detach()
        found = support.neighbors(queries).projection.chunk(2)
        support.enqueue(queries.chunk(2)[0])
        rows = neighbor_contrast(*found, view1, view2, TEMPERATURE)
        return head.loss_from_rows(rows.pos, rows.s)

    return loss


def lightly() -> Callable:
    from lightly.loss import DCLLoss

    return DCLLoss(
        temperature=TEMPERATURE, gather_distributed=dist.is_initialized()
    )


PEERS = {
    'mmdcl SimCLR': simclr,
    'mmdcl NNCLR': nnclr,
    'lightly': lightly,
    'mmpretrain': mmpretrain,
}


class Sent:
    """Bytes that this process sends, counted where it does."""

    def __init__(self) -> None:
        self.bytes = 0.0
        others = dist.get_world_size() - 1
        self._count('all_gather', 1, others)
        self._count('all_reduce', 0, 2 * others / (others + 1))

    def _count(self, name: str, place: int, times: float) -> None:
        send = getattr(dist, name)

        def counted(*args, **kwargs):
            tensor = args[place]
            self.bytes += times * tensor.numel() * tensor.element_size()
            return send(*args, **kwargs)

        setattr(dist, name, counted)


def gradient(loss: Callable, views: list[Tensor]) -> Tensor:
    for view in views:
        view.grad = None
    loss(*views).backward()
    return torch.stack([view.grad for view in views])


def warm_gradient(
    loss: Callable, views: list[Tensor], sent: Sent | None = None
) -> Tensor:
    """The gradient, when the support set holds something."""
    gradient(loss, views)
    if sent:
        sent.bytes = 0
    return gradient(loss, views)


def work(rank: int, world: int, args, names: list[str], folder: str) -> None:
    torch.set_num_threads(args.threads)
    whole = embeddings(world * args.images, args.width, 'cpu')
    wanted = {name: warm_gradient(PEERS[name](), whole) for name in names}
    dist.init_process_group(
        'gloo', f'file://{folder}/{world}', rank=rank, world_size=world
    )
    sent = Sent()
    own = slice(rank * args.images, (rank + 1) * args.images)
    views = [view.detach()[own].requires_grad_() for view in whole]
    peers = {name: PEERS[name]() for name in names}
    found = {}
    for name, loss in peers.items():
        # Of these projections alone: DDP divides by the number of processes.
        found_here = warm_gradient(loss, views, sent)
        error = found_here / world - wanted[name][:, own]
        scale = wanted[name].norm()
        found[name] = sent.bytes, float(error.norm() / max(scale, 1e-30))
    seconds = interleaved(
        {
            name: lambda loss=loss: gradient(loss, views)
            for name, loss in peers.items()
        },
        args.rounds,
    )
    if rank == 0:
        rows = [
            dict(
                name=name,
                processes=world,
                images_each=args.images,
                ms=round(1e3 * seconds[name], 3),
                kib_sent=round(found[name][0] / 1024, 1),
                exact=found[name][1] < 1e-5,
            )
            for name in names
        ]
        torch.save(rows, f'{folder}/rows{world}')
    dist.barrier()
    dist.destroy_process_group()


def main() -> None:
    parser = flags(__doc__, rounds=15)
    parser.add_argument('--processes', type=int, nargs='+', default=[1, 2, 4])
    parser.add_argument('--images', type=int, default=256, help='each')
    parser.add_argument('--width', type=int, default=128)
    args = parser.parse_args()
    names = available(PEERS, lightly='lightly')
    table = Table('', 'processes', 'ms', 'KiB sent', 'exact')
    with tempfile.TemporaryDirectory() as folder:
        for world in args.processes:
            torch.multiprocessing.spawn(
                work, (world, args, names, folder), nprocs=world
            )
            for row in torch.load(f'{folder}/rows{world}'):
                table.add(
                    row | dict(width=args.width, rounds=args.rounds),
                    row['name'],
                    world,
                    f'{row["ms"]:.1f}',
                    row['kib_sent'],
                    'yes' if row['exact'] else 'no',
                )
    table.write(args.json)


if __name__ == '__main__':
    main()
