"""Tiles against the whole matrix: partial ones, kept ones, of ranks."""

import pytest
import torch
import torch.nn.functional as F

from mmdcl.functional import neighbor_contrast, tiles, two_view_contrast
from tests.ranks import on_ranks


def normal(*shape):
    x = torch.randn(*shape, dtype=torch.double)
    return x.requires_grad_()


@pytest.mark.parametrize('kept', [0, 2**25])
@pytest.mark.parametrize('tile', [1, 2, 3, 5, 14, 100])
def test_two_views(tile, kept, monkeypatch):
    monkeypatch.setattr(tiles, '_KEPT', kept)
    z, weight = [normal(7, 4), normal(7, 4)], torch.randn(14).double()
    found = []
    for size in (0, tile):
        rows = two_view_contrast(*z, 0.1, size)
        grads = torch.autograd.grad((rows.s * weight).sum(), z)
        found.append((*rows, *grads))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize('kept', [0, 2**25])
@pytest.mark.parametrize('both_views', [False, True])
@pytest.mark.parametrize('tile', [1, 3, 100])
def test_neighbours(tile, both_views, kept, monkeypatch):
    monkeypatch.setattr(tiles, '_KEPT', kept)
    x, weight = [normal(5, 4) for _ in range(4)], torch.randn(10).double()
    found = []
    for size in (0, tile):
        rows = neighbor_contrast(*x, 0.1, both_views, size)
        grads = torch.autograd.grad((rows.s * weight).sum(), x)
        found.append((*rows, *grads))
    torch.testing.assert_close(*found)


def of_rank(rank, sizes, tile):
    torch.manual_seed(0)
    views = torch.randn(2, sum(sizes), 4, dtype=torch.double)
    start = sum(sizes[:rank])
    own = views[:, start : start + sizes[rank]].clone().requires_grad_()
    s = two_view_contrast(*own, 0.1, tile).s
    s.square().sum().backward()  # of this process alone
    return s.detach(), own.grad


@pytest.mark.parametrize('tile', [2, 3])
def test_ranks_with_unequal_batches(tile):
    sizes = [3, 4, 2]
    found = on_ranks(len(sizes), of_rank, sizes, tile)
    s, grad = of_rank(0, [sum(sizes)], 0)
    views = [rows.view(2, -1) for rows, _ in found]
    torch.testing.assert_close(torch.cat(views, 1).flatten(), s)
    torch.testing.assert_close(torch.cat([g for _, g in found], 1), grad)


def test_below_the_bound_the_whole_matrix_is_used():
    z = [normal(6, 4), normal(6, 4)]
    z[1] = z[0].detach().clone()
    for tau in (tiles.LOWEST_TEMPERATURE, 0.001):
        s = two_view_contrast(*(x.float() for x in z), tau).s
        cosines = F.normalize(torch.cat(z), dim=1)
        cosines = cosines @ cosines.T
        for i in range(12):
            others = [j for j in range(12) if j % 6 != i % 6]
            wanted = torch.logsumexp(cosines[i, others] / tau, 0)
            assert float(s[i]) == pytest.approx(float(wanted), rel=1e-4)
    with pytest.raises(ValueError, match=r'`tile` must be >= 0, got -1'):
        two_view_contrast(*z, 0.1, -1)


def contrasts(z):
    """Both kernels; the first one's matrix is half as large by symmetry."""
    return (
        (lambda: two_view_contrast(*z, 0.1, 4).s, 16 * 16 * 8 // 2),
        (lambda: neighbor_contrast(*z, *z, 0.1, True, 4).s, 8 * 16 * 8),
    )


@pytest.mark.parametrize('which', [0, 1])
def test_what_fits_is_kept_for_the_backward(which, monkeypatch):
    products = []
    mm = torch.mm
    monkeypatch.setattr(
        torch, 'mm', lambda *x, **y: products.append(1) or mm(*x, **y)
    )
    z = [normal(8, 3), normal(8, 3)]
    call, size = contrasts(z)[which]
    exact = torch.autograd.grad(call().sum(), z)
    for budget, again in ((size, False), (size - 1, True)):
        monkeypatch.setattr(tiles, '_KEPT', budget)
        products.clear()
        s = call()
        forward = len(products)
        assert forward > 1
        found = torch.autograd.grad(s.sum(), z)
        torch.testing.assert_close(found, exact)
        assert len(products) == forward * (1 + again)


@pytest.mark.parametrize('which', [0, 1])
def test_the_backward_ignores_autocast(which):
    z = [normal(8, 3).detach().float().requires_grad_() for _ in '12']
    call, _ = contrasts(z)[which]
    expected = torch.autograd.grad(call().sum(), z)
    with torch.autocast('cpu', torch.bfloat16):
        found = torch.autograd.grad(call().sum(), z)
    for got, want in zip(found, expected, strict=True):
        assert torch.equal(got, want)
