"""Rows of any length, on the way with all derivatives and on the fast one."""

import pytest
import torch

from mmdcl.functional.unit import normalise, normalise_once

WAYS = (normalise, normalise_once)


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize(
    ('dtype', 'powers'),
    [(torch.float32, range(-37, 38)), (torch.float64, range(-300, 301, 4))],
)
def test_rows_of_any_length(way, dtype, powers):
    """Alone and among others; the gradient is as long as it should be."""
    x = torch.randn(len(powers), 5, dtype=dtype)
    weight = torch.randn_like(x)
    wanted = x / x.norm(dim=1, keepdim=True)
    along = (wanted * weight).sum(1, keepdim=True)
    tangent = (weight - along * wanted) / x.norm(dim=1, keepdim=True)
    scale = torch.tensor([10.0**p for p in powers], dtype=dtype)[:, None]
    for rows in (slice(None), *(slice(i, i + 1) for i in range(len(x)))):
        long = (x * scale)[rows].requires_grad_()
        found = way(long)
        torch.testing.assert_close(found, wanted[rows])
        (grad,) = torch.autograd.grad(found, long, weight[rows])
        torch.testing.assert_close(
            (grad.double() * scale[rows].double()).to(dtype), tangent[rows]
        )


@pytest.mark.parametrize('way', WAYS)
def test_a_row_without_direction(way):
    x = torch.zeros(2, 3)
    x[1] = 2
    x.requires_grad_()
    found = way(x)
    assert not found[0].any()
    (grad,) = torch.autograd.grad(found[:, 0].sum(), x)
    assert not grad[0].any()
    assert grad[1].any()
    for bad in (torch.nan, torch.inf):
        assert way(torch.tensor([[1.0, bad]])).isnan().any()


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(way, dtype):
    x = torch.randn(4, 3).to(dtype).requires_grad_()
    found = way(x)
    assert found.dtype == torch.float32
    assert torch.equal(found, way(x.float()))
    (grad,) = torch.autograd.grad(found.sum(), x)
    assert grad.dtype == dtype


def test_usual_rows_have_the_bits_of_torch():
    x = torch.randn(50, 17)
    for way in WAYS:
        assert torch.equal(way(x), torch.nn.functional.normalize(x, dim=1))


@pytest.mark.parametrize('way', WAYS)
def test_any_number_of_dimensions_and_of_gradients(way):
    x = torch.randn(2, 4, 3, dtype=torch.double, requires_grad=True)
    found = way(x)
    torch.testing.assert_close(found.flatten(0, 1), way(x.flatten(0, 1)))
    weights = torch.randn(5, 2, 4, 3, dtype=torch.double)
    (batched,) = torch.autograd.grad(
        found, x, weights, retain_graph=True, is_grads_batched=True
    )
    for weight, got in zip(weights, batched, strict=True):
        plain = torch.nn.functional.normalize(x, dim=-1)
        (wanted,) = torch.autograd.grad(plain, x, weight)
        torch.testing.assert_close(got, wanted)
