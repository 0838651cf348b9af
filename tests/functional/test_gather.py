import pytest
import torch
import torch.distributed as dist

from mmdcl.functional import (
    gather_with_gradient,
    gather_without_gradient,
    global_means,
    stream_rows,
)
from mmdcl.functional.gather import Peers, sum_with_gradient
from tests.ranks import on_ranks

SIZES = (3, 1, 2)


def share(rank, sizes):
    start = sum(sizes[:rank])
    return slice(start, start + sizes[rank])


def gather_and_differentiate(rank, x, sizes):
    mine = x[share(rank, sizes)].clone().requires_grad_()
    gathered = gather_with_gradient(mine)
    constant = gather_without_gradient(mine)
    weight = torch.arange(1, len(x) + 1)[:, None] * (rank + 1)
    (gathered**2 * weight).sum().backward()
    tiles = [
        tile[0].clone()
        for tile in stream_rows(x[share(rank, sizes)], device=x.device, tile=2)
    ]
    start = Peers(len(mine)).own.start
    return gathered.detach(), constant, start, mine.grad, tiles


def sum_and_differentiate_twice(rank, x):
    own = x[rank].clone().requires_grad_()
    total = sum_with_gradient(own)
    loss = (total**2 * (rank + 1)).sum()
    [first] = torch.autograd.grad(loss, own, create_graph=True)
    [second] = torch.autograd.grad(first.sum(), own)
    return total.detach(), first.detach(), second


def test_a_sum_has_the_gradients_of_all_ranks():
    """First and second ones, of losses that differ."""
    x = torch.randn(2, 4, dtype=torch.double)
    for total, first, second in on_ranks(2, sum_and_differentiate_twice, x):
        torch.testing.assert_close(total, x.sum(0))
        torch.testing.assert_close(first, 2 * (1 + 2) * x.sum(0))
        torch.testing.assert_close(second, torch.full_like(x[0], 2 * 2 * 3))


@pytest.mark.parametrize('ranks', [2, 3])
def test_rows_of_all_ranks_and_the_sum_of_their_gradients(ranks):
    sizes = SIZES[:ranks]
    x = torch.randn(sum(sizes), 4, dtype=torch.double)
    results = on_ranks(ranks, gather_and_differentiate, x, sizes)
    factor = torch.arange(1, len(x) + 1)[:, None] * sum(range(1, ranks + 1))
    for rank, (gathered, constant, start, grad, tiles) in enumerate(results):
        part = share(rank, sizes)
        assert torch.equal(gathered, x)
        assert torch.equal(constant, x)
        assert not constant.requires_grad
        assert start == part.start
        torch.testing.assert_close(grad, (2 * x * factor)[part])
        assert torch.equal(torch.cat(tiles), x)
        assert max(map(len, tiles)) <= 2


def gather_as_on_gpus(rank, x, sizes):
    """NCCL has no group for tensors of the host."""
    dist.get_backend_config = lambda: 'cuda:nccl'
    new_group, all_gather, made, used = dist.new_group, dist.all_gather, [], []
    dist.new_group = lambda **kw: made.append(new_group(**kw)) or made[-1]
    dist.all_gather = lambda *args, group=None: (
        used.append(group) or all_gather(*args, group=group)
    )
    found = [
        gather_with_gradient(x[share(rank, sizes)]),
        gather_without_gradient(x[share(rank, sizes)]),
    ]
    [group] = made
    ways = [None if x is None else x is group for x in used]
    return found, dist.get_backend(group), ways


def test_sizes_travel_between_hosts_where_the_backend_cannot():
    """In one group for all time; rows themselves in that of the backend."""
    x = torch.randn(4, 2)
    for found, backend, ways in on_ranks(2, gather_as_on_gpus, x, SIZES[:2]):
        assert all(torch.equal(gathered, x) for gathered in found)
        assert backend == 'gloo'
        assert ways == [True, None] * 2


def test_identity_on_one_process():
    x = torch.randn(5, 2, requires_grad=True)
    assert gather_with_gradient(x) is x
    assert torch.equal(gather_without_gradient(x), x)
    assert not gather_without_gradient(x).requires_grad
    assert Peers(5).own == slice(0, 5)
    tiles = list(stream_rows(x, x[:, 0], device=x.device, tile=2))
    assert [len(tile) for tile, _ in tiles] == [2, 2, 1]
    assert torch.equal(torch.cat([tile for tile, _ in tiles]), x)


WATCHED = [
    dict(rows=[1.0, 2.0], weighted=([5, 7], [True, False]), nobody=None),
    dict(rows=[], weighted=None, nobody=None),
    dict(rows=[6.0], weighted=([3], [True]), nobody=None),
]


def watch(rank, shares, dtype=torch.double):
    watched = dict(shares[rank or 0])
    watched['rows'] = torch.tensor(watched['rows'], requires_grad=True)
    if watched['weighted'] is not None:
        watched['weighted'] = tuple(map(torch.tensor, watched['weighted']))
    return global_means(watched, torch.zeros(3, dtype=dtype))


@pytest.mark.parametrize('shares', [WATCHED, WATCHED[::2]])
def test_means_over_the_rows_of_all_ranks(shares):
    """Not the mean of means; nothing of a rank without rows, and no NaN."""
    expected = dict(rows=3.0, weighted=4.0, nobody=0.0)
    for found in on_ranks(len(shares), watch, shares):
        assert {name: float(x) for name, x in found.items()} == expected
        assert {x.dtype for x in found.values()} == {torch.double}


def test_means_of_one_process():
    found = watch(None, WATCHED, torch.bfloat16)
    assert {name: float(x) for name, x in found.items()} == dict(
        rows=1.5, weighted=5.0, nobody=0.0
    )
    assert {x.dtype for x in found.values()} == {torch.float32}
    assert not any(x.requires_grad or x.ndim for x in found.values())
    scalar = global_means(dict(fill=torch.tensor(0.25)), torch.zeros(1))
    assert scalar == dict(fill=torch.tensor(0.25))
