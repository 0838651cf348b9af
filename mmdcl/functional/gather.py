"""Batches over all processes. Ranks and world sizes are known only here.

Without an initialised process group, or with a single process, everything
below is the identity.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from .unit import full_precision


def _world_size() -> int:
    if not (dist.is_available() and dist.is_initialized()):
        return 1
    return dist.get_world_size()


_HOST_GROUPS: dict[Any, Any] = {}


def _host_group() -> Any:
    """All processes, over which tensors of the host can travel.

    NCCL knows none, so beside it a gloo group is made, once.
    """
    world = dist.group.WORLD
    if 'cpu:' in dist.get_backend_config():
        return world
    if world not in _HOST_GROUPS:
        _HOST_GROUPS[world] = dist.new_group(backend='gloo')
    return _HOST_GROUPS[world]


def _all_sizes(size: int) -> list[int]:
    """``size`` of each process, by way of hosts: no device is waited for."""
    mine = torch.tensor([size])
    sizes = [torch.empty_like(mine) for _ in range(_world_size())]
    dist.all_gather(sizes, mine, group=_host_group())
    return [int(size) for size in sizes]


class Peers:
    """Who holds which rows of a batch; its sizes are exchanged once.

    Args:
        size: Number of rows of this process.
        equal: All processes are known to have as many; nothing is exchanged.

    Attributes:
        alone: There is one process.
        sizes: Number of rows of each process.
        total: Number of rows of all processes.
        own: Where this process's rows are among them.
    """

    def __init__(self, size: int, equal: bool = False) -> None:
        self.alone = _world_size() == 1
        equal = equal or self.alone
        self.sizes = [size] * _world_size() if equal else _all_sizes(size)
        start = 0 if self.alone else sum(self.sizes[: dist.get_rank()])
        self.total = sum(self.sizes)
        self.own = slice(start, start + size)


def check_images(*embeddings: Tensor, peers: Peers | None = None) -> Peers:
    """Who holds the images; refuses one view, one image and unequal shapes."""
    if len(embeddings) < 2:
        raise ValueError(
            'a contrast needs two views of each image or more, got '
            f'{len(embeddings)}'
        )
    shapes = [tuple(x.shape) for x in embeddings]
    if any(len(x) != 2 or x != shapes[0] for x in shapes):
        got = ' and '.join(map(str, dict.fromkeys(shapes)))
        raise ValueError(f'embeddings must all be (B, D), got {got}')
    peers = peers or Peers(len(embeddings[0]))
    if peers.total < 2:
        raise ValueError(
            'a contrastive loss needs at least 2 images in the global '
            f'batch, got {peers.total}: there is no negative. Raise the batch '
            'size, or set `drop_last=True` in the train dataloader if '
            'only the last batch of an epoch is that small'
        )
    return peers


def gather_without_gradient(
    x: Tensor, peers: Peers | None = None, host: bool = False
) -> Tensor:
    """Concatenate the rows of all processes; the result is a constant.

    Processes may hold different numbers of rows.

    Args:
        x: ``(B, ...)`` rows of this process; all but the first dimension
            agree between processes.
        peers: Who holds which rows, if that is known already.
        host: ``x`` is on the host, and so is the result.

    Returns:
        ``(G, ...)`` rows of all processes, in rank order.
    """
    x, peers = x.detach(), peers or Peers(len(x))
    if peers.alone:
        return x
    # Shorter ones travel padded: not every backend gathers unequal shapes.
    padded = x.new_zeros((max(peers.sizes), *x.shape[1:]))
    padded[: len(x)] = x
    parts = [torch.empty_like(padded) for _ in peers.sizes]
    dist.all_gather(parts, padded, group=_host_group() if host else None)
    return torch.cat(
        [part[:size] for part, size in zip(parts, peers.sizes, strict=True)]
    )


def gather_with_gradient(x: Tensor, peers: Peers | None = None) -> Tensor:
    """As :func:`gather_without_gradient`, and gradients travel back.

    If each process differentiates its own loss, and gradients of parameters
    are then averaged over processes (as DDP does), a loss that is the mean
    over gathered rows gets the gradient of the same loss on one process.
    """
    peers = peers or Peers(len(x))
    if peers.alone:
        return x
    gathered: Tensor = _Gather.apply(x, peers)
    return gathered


class _Gather(torch.autograd.Function):
    """All-gather whose backward sums what all ranks send to a row.

    Every rank's loss depends on every rank's rows, so a row's gradient is the
    sum over ranks; keeping only the local part would lose all but
    1 / world size of it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, peers: Peers) -> Tensor:
        ctx.peers = peers
        return gather_without_gradient(x, peers)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _Reduce.apply(grad, ctx.peers), None


class _Reduce(torch.autograd.Function):
    """This process's rows of the sum over ranks: the way back of `_Gather`.

    A function of its own, for second derivatives.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, peers: Peers) -> Tensor:
        ctx.peers = peers
        x = x.contiguous().clone()
        dist.all_reduce(x)
        return x[peers.own]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _Gather.apply(grad, ctx.peers), None


def sum_with_gradient(x: Tensor) -> Tensor:
    """Sum of the tensors of all processes, and gradients travel back."""
    if _world_size() == 1:
        return x
    total: Tensor = _Sum.apply(x)
    return total


class _Sum(torch.autograd.Function):
    """All-reduce, whose way back is itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return sum_with_gradient(grad)


def mean_with_gradient(rows: Tensor) -> Tensor:
    """Mean over the rows of all processes, without knowing their numbers.

    Gradients are as with :func:`gather_with_gradient`.

    Args:
        rows: ``(B,)`` of this process.

    Returns:
        A scalar; NaN where none of several processes has a row.

    Raises:
        ValueError: There is one process, and it has no row.
    """
    if _world_size() == 1:
        if len(rows) == 0:
            raise ValueError('the global batch holds no images')
        mean: Tensor = rows.mean()
        return mean
    count = rows.new_full((), len(rows))
    total, count = sum_with_gradient(torch.stack([rows.sum(), count]))
    mean = total / count
    return mean


def log_mean_exp_with_gradient(rows: Tensor) -> Tensor:
    """Logarithm of the mean of ``exp(rows)``, as :func:`mean_with_gradient`.

    ``exp(rows)`` itself need not fit.
    """
    largest = torch.cat([rows.detach(), rows.new_full((1,), -torch.inf)]).max()
    if _world_size() > 1:
        dist.all_reduce(largest, dist.ReduceOp.MAX)
    mean = mean_with_gradient(torch.exp(rows - largest))
    log_mean: Tensor = mean.log() + largest
    return log_mean


# Numbers, or numbers with a weight each, or nothing.
Watched = Tensor | tuple[Tensor, Tensor] | None


def _sum_and_count(watched: Watched, like: Tensor) -> Tensor:
    if watched is None:
        return like.new_zeros(2)
    if isinstance(watched, tuple):
        values, weight = (x.to(like) for x in watched)
        return torch.stack([(values * weight).sum(), weight.sum()])
    count = like.new_full((), watched.numel())
    return torch.stack([watched.to(like).sum(), count])


@torch.no_grad()
def global_means(
    watched: dict[str, Watched], like: Tensor
) -> dict[str, Tensor]:
    """Means over the rows of all processes, in one exchange.

    A process without rows counts for nothing, and no device is waited for.

    Args:
        watched: ``(B,)`` numbers, or pairs of numbers and their weights,
            under names that are the same on all processes; ``None`` where
            this process knows nothing.
        like: Whose device and precision means have, float32 at least.

    Returns:
        A mean under each name, the same on all processes; zero where no
        process has a row.
    """
    like = full_precision(like)
    totals = torch.stack([_sum_and_count(x, like) for x in watched.values()])
    if _world_size() > 1:
        dist.all_reduce(totals)
    means = totals[:, 0] / totals[:, 1].masked_fill(totals[:, 1] == 0, 1)
    return dict(zip(watched, means.unbind(), strict=True))


def stream_rows(
    *tensors: Tensor, device: torch.device, tile: int = 4096
) -> Iterator[tuple[Tensor, ...]]:
    """Show every process the rows of all processes, one tile at a time.

    No process ever holds more than its own rows and one tile: this is how a
    feature bank larger than a device's memory is searched exactly. It is a
    collective: all processes must exhaust it.

    Args:
        *tensors: ``(M, ...)`` tensors with the same number of rows, wherever
            they live; no gradient is carried.
        device: Where tiles are to be.
        tile: Most rows at a time.

    Yields:
        One tile of at most ``tile`` rows of each tensor, on ``device``, the
        same on all processes.
    """
    if _world_size() == 1:
        for tiles in zip(
            *(torch.split(t, tile) for t in tensors), strict=True
        ):
            yield tuple(t.to(device) for t in tiles)
        return
    for source, size in enumerate(_all_sizes(len(tensors[0]))):
        mine = source == dist.get_rank()
        for start in range(0, size, tile):
            length = min(tile, size - start)
            tiles = tuple(
                t[start : start + length].to(device).contiguous()
                if mine
                else t.new_empty((length, *t.shape[1:]), device=device)
                for t in tensors
            )
            for t in tiles:
                dist.broadcast(t, source)
            yield tiles
