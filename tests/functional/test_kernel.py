"""Tiles against the whole matrix: partial ones, kept ones, of ranks."""

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import grad

from mmdcl.functional import kernel, neighbor_contrast, two_view_contrast
from mmdcl.functional.contrast import dense_log_sums
from mmdcl.functional.gather import Peers
from tests.ranks import on_ranks


def normal(*shape):
    x = torch.randn(*shape, dtype=torch.double)
    return x.requires_grad_()


def unit(*shape):
    return F.normalize(normal(*shape), dim=-1).detach().requires_grad_()


def test_the_derivation_is_the_gradient():
    """Summand by summand as the docstring has it, by autograd, by tiles."""
    n, t, peers = 4, 0.3, Peers(4)
    z, weight = unit(2, n, 3), torch.randn(2, n).double()
    s = dense_log_sums(z, z, peers, t)
    tiled = kernel.tiled_log_sums(z, z.detach(), peers, t, 3, alike=True)

    flat, g, sums = z.detach().flatten(0, 1), weight.flatten(), s.exp()
    ratio = g / sums.detach().flatten()  # g/S
    derived = torch.zeros_like(flat)
    for i in range(2 * n):
        for j in (j for j in range(2 * n) if j % n != i % n):
            exponential = torch.exp(flat[i] @ flat[j] / t)
            derived[i] += (ratio[i] + ratio[j]) * exponential * flat[j] / t
    formula = 'd/dz_i = (1/t) sum_j (g_i/S_i + g_j/S_j) exp(z_i.z_j/t) z_j'
    assert formula in kernel.__doc__
    for way in (s, tiled):
        (found,) = grad(way, z, weight)
        torch.testing.assert_close(found.flatten(0, 1), derived)


def test_the_derivation_where_anchors_are_no_columns():
    n, t, peers = 4, 0.3, Peers(4)
    a, c = unit(1, n, 3), unit(1, n, 3)
    weight = torch.randn(1, n).double()
    s = dense_log_sums(a, c, peers, t)
    tiled = kernel.tiled_log_sums(a, c, peers, t, 3)

    ratio = (weight / s.exp()).detach()[0]  # g/S
    to_a, to_c = torch.zeros(2, n, 3, dtype=torch.double)
    for i in range(n):
        for j in (j for j in range(n) if j != i):
            one, other = a.detach()[0, i], c.detach()[0, j]
            exponential = torch.exp(one @ other / t)
            to_a[i] += ratio[i] * exponential * other / t
            to_c[j] += ratio[i] * exponential * one / t
    for formula in (
        'd/da_i = (1/t) sum_j (g_i/S_i) exp(a_i.c_j/t) c_j',
        'd/dc_j = (1/t) sum_i (g_i/S_i) exp(a_i.c_j/t) a_i',
    ):
        assert formula in kernel.__doc__
    for way in (s, tiled):
        found = grad(way, (a, c), weight)
        torch.testing.assert_close(found, (to_a[None], to_c[None]))


@pytest.mark.parametrize(
    ('wish', 'temperature', 'images', 'expected'),
    [
        *((None, 0.1, 31, 0), (None, 0.1, 32, 256), (None, 0.03, 32, 256)),
        *((None, 0.029, 999, 0), (5, 0.1, 2, 5), (5, 0.029, 2, 0)),
        (0, 0.1, 999, 0),
    ],
)
def test_when_tiles_are_used(wish, temperature, images, expected):
    cpu = torch.device('cpu')
    assert kernel.tile_for(wish, temperature, images, cpu) == expected


@pytest.mark.parametrize('images', [31, 32])
def test_both_ways_say_the_same_at_the_bound(images):
    z = [normal(images, 4) for _ in '12']
    default, dense = (two_view_contrast(*z, 0.1, tile) for tile in (None, 0))
    torch.testing.assert_close(default, dense)
    assert torch.equal(default.pos, dense.pos)
    assert torch.equal(default.neg, dense.neg)
    assert torch.equal(default.s, dense.s) == (images == 31)


@pytest.mark.parametrize('kept', [0, 2**25])
@pytest.mark.parametrize('tile', [1, 2, 3, 5, 14, 100])
def test_two_views(tile, kept, monkeypatch):
    monkeypatch.setattr(kernel, 'KEPT_BYTES', kept)
    z, weight = [normal(7, 4), normal(7, 4)], torch.randn(14).double()
    found = []
    for size in (0, tile):
        contrast = two_view_contrast(*z, 0.1, size)
        grads = torch.autograd.grad((contrast.s * weight).sum(), z)
        found.append((*contrast, *grads))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize('kept', [0, 2**25])
@pytest.mark.parametrize('both_views', [False, True])
@pytest.mark.parametrize('tile', [1, 3, 100])
def test_neighbours(tile, both_views, kept, monkeypatch):
    monkeypatch.setattr(kernel, 'KEPT_BYTES', kept)
    x, weight = [normal(5, 4) for _ in range(4)], torch.randn(10).double()
    found = []
    for size in (0, tile):
        contrast = neighbor_contrast(*x, 0.1, both_views, size)
        grads = torch.autograd.grad((contrast.s * weight).sum(), x)
        found.append((*contrast, *grads))
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
    for tau in (kernel.LOWEST_TEMPERATURE, 0.001):
        s = two_view_contrast(*(x.detach().float() for x in z), tau, 4).s
        cosines = F.normalize(torch.cat(z).detach(), dim=1)
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
        monkeypatch.setattr(kernel, 'KEPT_BYTES', budget)
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
