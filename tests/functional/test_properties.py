"""Contrasts and losses of drawn embeddings, against float64.

Errors are measured against what a gradient can be: a row of length ``|x|``
among ``N`` anchors moves the mean loss by about ``1 / (N tau |x|)``. The
expected values are written out matrix by matrix; that these equal the loops
of ``tests/reference.py`` is itself drawn and tested.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdcl.functional import (
    dcl,
    info_nce,
    knn_scores,
    nearest,
    neighbor_contrast,
    normalise,
    two_view_contrast,
    von_mises_fisher_weight,
)
from tests.reference import contrastive

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
KINDS = ('normal', 'duplicates', 'zeros', 'aligned', 'constant', 'long')
drawn = settings(
    derandomize=True, max_examples=60, deadline=None, database=None
)
sizes = st.one_of(st.integers(1, 8), st.integers(1, 256))
widths = st.one_of(st.integers(1, 4), st.integers(1, 512))
numbers = st.floats(-3, 1).map(lambda x: 10**x)  # of 1e-3 to 10


def embeddings(n, d, kind, dtype, seed):
    """Two views, and two more: ``(4, n, d)``."""
    x = torch.randn(
        4, n, d, generator=torch.Generator().manual_seed(seed)
    ).double()
    if kind == 'duplicates':
        x[:, n // 2 :] = x[:, : n - n // 2]
    elif kind == 'zeros':
        x[:, :: max(2, n // 3)] = 0
    elif kind == 'aligned':
        x[1:] = x[0] + 1e-3 * x[1:]
    elif kind == 'constant':
        x[:] = x[:1, :1]
    elif kind == 'long' and dtype in (torch.float32, torch.float64):
        x *= torch.logspace(-28, 28, n).double()[:, None]
    return x.to(dtype)


def unit(x):
    length = x.norm(dim=-1, keepdim=True)
    return x / length.masked_fill(length == 0, torch.inf)


def exact(loss, anchors, columns, positives, tau, sigma):
    """``anchors`` and ``positives`` (A, n, d), ``columns`` (A, V, n, d)."""
    p, total = [], []
    other = ~torch.eye(anchors.shape[1], dtype=torch.bool)
    for a, c, q in zip(anchors, columns, positives, strict=True):
        p.append((a * q).sum(-1))
        cosine = torch.stack([a @ view.T for view in c], 1) / tau
        mask = other[:, None].expand_as(cosine)
        cosine = cosine.masked_fill(~mask, -torch.inf).flatten(1)
        total.append(torch.logsumexp(cosine, 1))
    pos, s = torch.cat(p), torch.cat(total)
    if loss == 'info_nce':
        return (torch.logaddexp(s, pos / tau) - pos / tau).mean()
    weight = torch.ones_like(pos)
    if loss == 'dclw':
        weight = 2 - torch.softmax(pos.detach() / sigma, 0) * len(pos)
    return (s - weight * pos / tau).mean()


def value(loss, rows, tau, sigma):
    if loss == 'info_nce':
        return info_nce(rows.pos, rows.s, tau).mean()
    weight = None
    if loss == 'dclw':
        weight = von_mises_fisher_weight(rows.pos.detach(), sigma)
    return dcl(rows.pos, rows.s, tau, weight).mean()


def differentiated(f, x):
    x = x.clone().requires_grad_()
    found = f(x)
    found.backward()
    return found.detach().double(), x.grad.double()


def close(found, expected, x, tau, sigma, dtype):
    """Within rounding of the natural scale, which weights may multiply."""
    epsilon = torch.finfo(dtype).eps
    count = 2 * x.shape[1]
    largest = min(count, float(torch.tensor(2 / sigma).exp())) + 2
    error = abs(float(found[0] - expected[0]))
    # Cosines are rounded to float32 at least, weights to theirs by sigma.
    inner = torch.finfo(
        torch.float64 if dtype == torch.float64 else torch.float32
    ).eps
    room = 16 * inner * (1 / tau + 8) * (1 + largest / sigma)
    assert error <= room
    length = x.double().norm(dim=-1, keepdim=True)
    scale = 1 / (count * tau * length.masked_fill(length == 0, torch.inf))
    relative = 16 * inner * (1 / tau + 8) * (1 + largest / sigma) * largest
    off = (found[1] - expected[1]).abs()
    half = torch.finfo(dtype).smallest_normal * epsilon
    allowed = scale * relative + epsilon * expected[1].abs() + half
    assert (off <= allowed).all(), float((off / allowed).max())


cases = dict(
    n=sizes,
    d=widths,
    tau=numbers,
    sigma=st.floats(-1, 1).map(lambda x: 10**x),
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from(DTYPES),
    loss=st.sampled_from(['info_nce', 'dcl', 'dclw']),
    tile=st.sampled_from([None, 0, 5]),
    seed=st.integers(0, 99),
)


def compare(ours, wanted, x, tau, sigma, dtype):
    """Value and gradient; or that a single image is refused."""
    if x.shape[1] == 1:
        with pytest.raises(ValueError, match=r'at least 2 images .* got 1'):
            ours(x)
        return
    found = differentiated(ours, x)
    expected = differentiated(wanted, x.double())
    close(found, expected, x, tau, sigma, dtype)


@drawn
@given(**cases)
def test_two_views(n, d, tau, sigma, kind, dtype, loss, tile, seed):
    def ours(x):
        return value(loss, two_view_contrast(*x, tau, tile), tau, sigma)

    def wanted(x):
        z = unit(x)
        return exact(loss, z, torch.stack([z, z]), z.flip(0), tau, sigma)

    x = embeddings(n, d, kind, dtype, seed)[:2]
    compare(ours, wanted, x, tau, sigma, dtype)


@drawn
@given(both_views=st.booleans(), **cases)
def test_neighbours(
    n, d, tau, sigma, kind, dtype, loss, tile, seed, both_views
):
    def ours(x):
        rows = neighbor_contrast(*x, tau, both_views, tile)
        return value(loss, rows, tau, sigma)

    def wanted(x):
        z = unit(x)
        p = z[2:]
        columns = torch.stack([p, p]) if both_views else p.flip(0)[:, None]
        return exact(loss, z[:2], columns, p.flip(0), tau, sigma)

    x = embeddings(n, d, kind, dtype, seed)
    compare(ours, wanted, x, tau, sigma, dtype)


@settings(drawn, max_examples=12)
@given(
    n=st.integers(2, 5),
    d=st.integers(1, 4),
    tau=st.floats(0.05, 10),
    sigma=st.floats(0.1, 10),
    loss=st.sampled_from(['info_nce', 'dcl', 'dclw']),
    seed=st.integers(0, 99),
)
def test_the_matrices_above_are_the_loops(n, d, tau, sigma, loss, seed):
    x = embeddings(n, d, 'normal', torch.float64, seed)[:2]

    def matrices(x):
        z = unit(x)
        return exact(loss, z, torch.stack([z, z]), z.flip(0), tau, sigma)

    found = differentiated(matrices, x)
    expected = differentiated(lambda x: contrastive(loss, *x, tau, sigma), x)
    torch.testing.assert_close(found, expected)


@drawn
@given(n=sizes, d=widths, kind=st.sampled_from(KINDS), seed=st.integers(0, 9))
def test_rows_of_length_one(n, d, kind, seed):
    x = embeddings(n, d, kind, torch.float32, seed)[0]
    z = normalise(x)
    torch.testing.assert_close(z.double(), unit(x.double()))
    if kind != 'long':  # nothing but the scale is changed
        assert torch.equal(z, torch.nn.functional.normalize(x, dim=-1))


@drawn
@given(
    m=st.integers(1, 200),
    d=widths,
    k=st.integers(1, 12),
    tile=st.integers(1, 250),
    chunk=st.integers(1, 70),
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 99),
)
def test_neighbours_do_not_depend_on_the_cut(
    m, d, k, tile, chunk, kind, dtype, seed
):
    queries, bank, *_ = embeddings(m, d, kind, dtype, seed)
    queries, number = queries[:60], torch.arange(m)
    if k > m:
        with pytest.raises(ValueError, match=f'holds only {m}'):
            nearest(queries, [(bank, number)], k)
        return
    whole = nearest(queries, [(bank, number)], k)
    tiles = zip(bank.split(tile), number.split(tile), strict=True)
    for one, other in zip(
        nearest(queries, tiles, k, chunk), whole, strict=True
    ):
        assert torch.equal(one, other)
    cosine = unit(queries.double()) @ unit(bank.double()).T
    best = cosine.sort(1, descending=True).values[:, :k]
    torch.testing.assert_close(whole[0].double(), best, rtol=0, atol=1e-5)
    scores = knn_scores(queries, bank, number % 3, 3, k)
    torch.testing.assert_close(scores.sum(1), torch.ones(len(queries)))
