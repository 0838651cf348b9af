"""Neighbours of some views against predictions of all, by loops."""

import pytest
import torch

from mmdcl.functional import neighbors_contrast
from tests.functional.test_contrast import LOSSES
from tests.reference import neighbor_contrastive


def data(neighbors, predictions):
    """The neighbours are what the projections themselves find."""
    torch.manual_seed(0)
    z = torch.randn(neighbors, 4, 5, dtype=torch.double)
    p = torch.randn(predictions, 4, 5, dtype=torch.double)
    queue = torch.nn.functional.normalize(z, dim=-1)
    return queue, p.requires_grad_()


@pytest.mark.parametrize('all_views', [False, True])
@pytest.mark.parametrize('tile', [0, 3])
@pytest.mark.parametrize('numbers', [(1, 2), (1, 4), (2, 4), (3, 3)])
def test_equals_the_loops_in_value_and_gradient(numbers, tile, all_views):
    z, p = data(*numbers)
    pos, s, neg = neighbors_contrast(z, p, 0.1, all_views, tile)
    assert pos.shape == s.shape == neg.shape
    for loss, of in LOSSES.items():
        expected = neighbor_contrastive(
            loss, [*z.flatten(0, 1)], z, p, 0.1, all_views
        )
        value = of(pos, s, 0.1).mean()
        torch.testing.assert_close(value, expected)
        [grad] = torch.autograd.grad(value, p, retain_graph=True)
        torch.testing.assert_close(grad, *torch.autograd.grad(expected, p))


@pytest.mark.parametrize('all_views', [False, True])
def test_precision_is_that_of_predictions(all_views):
    """A support set is float32, whatever the rest of a model."""
    z, p = data(1, 2)
    contrast = neighbors_contrast(z.float(), p, 0.1, all_views)
    assert {x.dtype for x in contrast} == {torch.double}
    expected = neighbors_contrast(z, p, 0.1, all_views)
    torch.testing.assert_close(contrast, expected, rtol=1e-5, atol=1e-6)


def test_rows_are_pairs_each_once():
    z, p = data(2, 4)
    columns = torch.nn.functional.normalize(p, dim=-1)
    contrast = neighbors_contrast(z, p, 0.1)
    rows = list(zip(*contrast, strict=True))
    pairs = [
        (a, (a + r) % 4, i)
        for r in (1, 2, 3)
        for a in (0, 1)
        for i in range(4)
    ]
    for (a, b, i), (pos, s, neg) in zip(pairs, rows, strict=True):
        others = columns[b][[j for j in range(4) if j != i]] @ z[a][i]
        torch.testing.assert_close(pos, z[a][i] @ columns[b][i])
        torch.testing.assert_close(s, torch.logsumexp(others / 0.1, 0))
        torch.testing.assert_close(neg, others.mean())


@pytest.mark.parametrize('numbers', [(0, 2), (3, 2), (1, 1)])
def test_numbers_of_views_that_do_not_fit(numbers):
    z, p = torch.randn(3, 4, 5), torch.randn(3, 4, 5)
    neighbors, predictions = numbers
    with pytest.raises(ValueError, match=r'got {} and {}'.format(*numbers)):
        neighbors_contrast(z[:neighbors], p[:predictions], 0.1)
