import math

import pytest
import torch

from mmdcl.functional import (
    dcl,
    info_nce,
    log_sum_negatives,
    neighbor_contrast,
    two_view_contrast,
    view_contrast,
    von_mises_fisher_weight,
)
from tests.reference import contrastive, views_contrastive

LOSSES = {
    'info_nce': lambda pos, s, t: info_nce(pos, s, t),
    'dcl': lambda pos, s, t: dcl(pos, s, t),
    'dclw': lambda pos, s, t: dcl(
        pos, s, t, von_mises_fisher_weight(pos.detach())
    ),
}


def views(n=5, d=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (2, n, d)
    z = torch.randn(shape, generator=generator, dtype=torch.double)
    return [view.clone().requires_grad_() for view in z]


@pytest.mark.parametrize('tile', [None, 0, 2, 3, 7])
@pytest.mark.parametrize('tau', [0.05, 0.1, 0.5])
@pytest.mark.parametrize('loss', LOSSES)
def test_equals_the_loops_in_value_and_gradient(loss, tau, tile):
    z = views()
    expected = contrastive(loss, *z, tau)
    expected_grads = torch.autograd.grad(expected, z)
    pos, s, _ = two_view_contrast(*z, tau, tile)
    value = LOSSES[loss](pos, s, tau).mean()
    torch.testing.assert_close(value, expected)
    grads = torch.autograd.grad(value, z)
    torch.testing.assert_close(grads, expected_grads)


def test_dcl_of_well_aligned_views_is_negative():
    z1 = torch.randn(64, 128, dtype=torch.double)
    pos, s, _ = two_view_contrast(z1, z1 + 0.3 * torch.randn_like(z1), 0.1)
    assert dcl(pos, s, 0.1).mean() < 0 < info_nce(pos, s, 0.1).mean()


@pytest.mark.parametrize('tau', [0.001, 0.01])
def test_exclusion_is_exact_at_very_low_temperature(tau):
    z = views(n=6)
    s = two_view_contrast(*z, tau).s
    normalised = torch.nn.functional.normalize(torch.cat(z), dim=1)
    similarity = normalised @ normalised.T
    for i in range(12):
        others = [j for j in range(12) if j % 6 != i % 6]
        expected = torch.logsumexp(similarity[i, others] / tau, 0)
        torch.testing.assert_close(s[i], expected)


def test_mean_negative_cosine():
    z = views(n=6)
    normalised = torch.nn.functional.normalize(torch.cat(z), dim=1)
    similarity = normalised @ normalised.T
    contrast = two_view_contrast(*z, 0.1)
    for i in range(12):
        others = [j for j in range(12) if j % 6 != i % 6]
        torch.testing.assert_close(
            contrast.neg[i], similarity[i, others].mean()
        )


@pytest.mark.parametrize('tile', [None, 0])
@pytest.mark.parametrize('both_views', [False, True])
def test_mean_negative_cosine_of_neighbours(both_views, tile):
    x = [*views(), *views(seed=1)]
    z = [torch.nn.functional.normalize(view, dim=1) for view in x]
    contrast = neighbor_contrast(*x, 0.1, both_views, tile)
    assert not contrast.neg.requires_grad
    assert not two_view_contrast(*x[:2], 0.1, tile).neg.requires_grad
    for i in range(10):
        columns = z[2:] if both_views else [z[3 - i // 5]]
        others = [
            z[i // 5][i % 5] @ c[j]
            for c in columns
            for j in range(5)
            if j != i % 5
        ]
        wanted = torch.stack(others).mean()
        torch.testing.assert_close(contrast.neg[i], wanted)


def test_negatives_of_the_other_view_are_the_default():
    x = [*views(), *views(seed=1)]
    for got, want in zip(
        neighbor_contrast(*x, 0.1),
        neighbor_contrast(*x, 0.1, both_views=False),
        strict=True,
    ):
        assert torch.equal(got, want)


def test_log_sum_of_a_matrix():
    neg = torch.rand(5, 7, dtype=torch.double) * 2 - 1
    expected = [math.log(sum(math.exp(x / 0.2) for x in r)) for r in neg]
    found = log_sum_negatives(neg, 0.2)
    torch.testing.assert_close(found, torch.tensor(expected).double())
    for shape in [(5,), (5, 7, 2)]:
        with pytest.raises(ValueError, match=r'must be \(N, K\)'):
            log_sum_negatives(torch.ones(shape), 0.1)
    with pytest.raises(ValueError, match=r'`temperature` must be'):
        log_sum_negatives(neg, -1)


def test_half_precision_is_widened_and_autocast_ignored():
    z = [view.detach().to(torch.bfloat16) for view in views()]
    expected = two_view_contrast(*(view.float() for view in z), 0.1)
    with torch.autocast('cpu', torch.bfloat16):
        contrast = two_view_contrast(*z, 0.1)
    for got, want in zip(contrast, expected, strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, want, rtol=0, atol=0)


def test_errors_name_what_they_got():
    z1, z2 = views()
    with pytest.raises(ValueError, match=r'at least 2 images .* got 1'):
        two_view_contrast(z1[:1], z2[:1], 0.1)
    with pytest.raises(ValueError, match=r'at least 2 images .* got 0'):
        two_view_contrast(z1[:0], z2[:0], 0.1)
    with pytest.raises(ValueError, match=r'got \(5, 4\) and \(4, 4\)'):
        two_view_contrast(z1, z2[:4], 0.1)
    with pytest.raises(ValueError, match=r'two views .* or more, got 1'):
        view_contrast([z1], 0.1)
    with pytest.raises(ValueError, match=r'K >= 1, got \(5, 0\)'):
        log_sum_negatives(torch.empty(5, 0), 0.1)
    with pytest.raises(ValueError, match=r'`temperature` must be'):
        two_view_contrast(z1, z2, 0)
    with pytest.raises(ValueError, match=r'`temperature` must be'):
        neighbor_contrast(z1, z2, z1, z2, 0)
    with pytest.raises(ValueError, match=r'got \(5, 4\) and \(4, 4\)'):
        neighbor_contrast(z1, z2, z1[:4], z2[:4], 0.1)


@pytest.mark.parametrize('same_view', [False, True])
@pytest.mark.parametrize('tile', [0, 3])
@pytest.mark.parametrize('count', [2, 3, 4])
def test_any_number_of_views_equals_the_loops(count, tile, same_view):
    z = [*views(n=4), *views(n=4, seed=1)][:count]
    pos, s, _ = view_contrast(z, 0.1, tile, same_view)
    for loss, of in LOSSES.items():
        expected = views_contrastive(loss, z, 0.1, same_view=same_view)
        expected_grads = torch.autograd.grad(expected, z)
        value = of(pos, s, 0.1).mean()
        torch.testing.assert_close(value, expected)
        grads = torch.autograd.grad(value, z, retain_graph=True)
        torch.testing.assert_close(grads, expected_grads)


@pytest.mark.parametrize('same_view', [False, True])
def test_rows_are_pairs_each_once(same_view):
    """All views with the next one each, then with the one after it, ..."""
    x = [*views(), *views(seed=1)][:3]
    z = [torch.nn.functional.normalize(view, dim=1) for view in x]
    contrast = view_contrast(x, 0.1, 3, same_view)
    rows = list(zip(*contrast, strict=True))
    assert len(rows) == 3 * 2 * 5
    pairs = [
        (a, (a + r) % 3, i)
        for r in (1, 2)
        for a in (0, 1, 2)
        for i in range(5)
    ]
    for (a, b, i), (pos, s, neg) in zip(pairs, rows, strict=True):
        others = torch.stack(
            [
                z[a][i] @ view[j]
                for view in ([z[a]] if same_view else z)
                for j in range(5)
                if j != i
            ]
        )
        torch.testing.assert_close(pos, z[a][i] @ z[b][i])
        torch.testing.assert_close(s, torch.logsumexp(others / 0.1, 0))
        torch.testing.assert_close(neg, others.mean())
