import sys

import pytest
import torch
import torch.distributed as dist

from mmdcl.functional import gather, gather_rows, stream_rows
from tests.ranks import on_ranks

SIZES = (3, 1, 2)


def share(rank, sizes):
    start = sum(sizes[:rank])
    return slice(start, start + sizes[rank])


def gather_and_differentiate(rank, x, sizes):
    mine = x[share(rank, sizes)].clone().requires_grad_()
    gathered, start = gather_rows(mine)
    weight = torch.arange(1, len(x) + 1)[:, None] * (rank + 1)
    (gathered**2 * weight).sum().backward()
    tiles = [
        tile[0].clone()
        for tile in stream_rows(x[share(rank, sizes)], device=x.device, tile=2)
    ]
    return gathered.detach(), start, mine.grad, tiles


@pytest.mark.parametrize('ranks', [2, 3])
def test_rows_of_all_ranks_and_the_sum_of_their_gradients(ranks):
    sizes = SIZES[:ranks]
    x = torch.randn(sum(sizes), 4, dtype=torch.double)
    results = on_ranks(ranks, gather_and_differentiate, x, sizes)
    factor = torch.arange(1, len(x) + 1)[:, None] * sum(range(1, ranks + 1))
    for rank, (gathered, start, grad, tiles) in enumerate(results):
        part = share(rank, sizes)
        assert torch.equal(gathered, x)
        assert start == part.start
        torch.testing.assert_close(grad, (2 * x * factor)[part])
        assert torch.equal(torch.cat(tiles), x)
        assert max(map(len, tiles)) <= 2


def gather_as_on_gpus(rank, x, sizes):
    """NCCL has no group for tensors of the host."""
    dist.get_backend_config = lambda: 'cuda:nccl'
    found = [gather(x[share(rank, sizes)]) for _ in range(2)]
    groups = list(sys.modules[gather.__module__]._HOST_GROUPS.values())
    return found, len(groups), groups[0] is dist.group.WORLD


def test_sizes_travel_between_hosts_where_the_backend_cannot():
    x = torch.randn(4, 2)
    for found, groups, world in on_ranks(2, gather_as_on_gpus, x, SIZES[:2]):
        assert all(torch.equal(gathered, x) for gathered in found)
        assert (groups, world) == (1, False)


def test_identity_on_one_process():
    x = torch.randn(5, 2)
    assert gather(x) is x
    assert gather_rows(x) == (x, 0)
    tiles = list(stream_rows(x, x[:, 0], device=x.device, tile=2))
    assert [len(tile) for tile, _ in tiles] == [2, 2, 1]
    assert torch.equal(torch.cat([tile for tile, _ in tiles]), x)
