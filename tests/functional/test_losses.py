import math

import pytest
import torch

from mmdcl.functional import (
    dcl,
    info_nce,
    npc_multiplier,
    von_mises_fisher_weight,
)


def rows(n=16):
    pos = torch.linspace(-1, 1, n, dtype=torch.double, requires_grad=True)
    s = torch.linspace(3, 12, n, dtype=torch.double).flip(0).requires_grad_()
    return pos, s


def test_info_nce_is_dcl_minus_log_q():
    pos, s = rows()
    q = npc_multiplier(pos, s, 0.1)
    expected = dcl(pos, s, 0.1) - q.log()
    torch.testing.assert_close(info_nce(pos, s, 0.1), expected)


def test_gradient_of_info_nce_is_q_times_that_of_dcl():
    pos, s = rows()
    q = npc_multiplier(pos, s, 0.1)
    for row in (pos, s):
        (coupled,) = torch.autograd.grad(info_nce(pos, s, 0.1).sum(), row)
        (decoupled,) = torch.autograd.grad(dcl(pos, s, 0.1).sum(), row)
        torch.testing.assert_close(coupled, q * decoupled)


def test_info_nce_is_cross_entropy_on_positive_first_logits():
    pos, neg = torch.rand(8) * 2 - 1, torch.rand(8, 30) * 2 - 1
    logits = torch.cat([pos[:, None], neg], dim=1) / 0.1
    expected = torch.nn.functional.cross_entropy(
        logits, torch.zeros(8, dtype=torch.long), reduction='none'
    )
    s = torch.logsumexp(neg / 0.1, dim=1)
    torch.testing.assert_close(info_nce(pos, s, 0.1), expected)


def test_weight_averages_to_one_and_falls_with_similarity():
    pos, _ = rows()
    weight = von_mises_fisher_weight(pos, sigma=0.5)
    exp = [math.exp(p / 0.5) for p in pos.tolist()]
    expected = [2 - e * len(exp) / sum(exp) for e in exp]
    torch.testing.assert_close(weight, torch.tensor(expected).double())
    assert weight.mean().item() == pytest.approx(1)
    assert (weight.diff() < 0).all()


def test_weights_lengthen_the_pull_of_a_batch():
    """In the mean over pairs of positive cosines, along the sphere."""
    torch.manual_seed(0)
    anchors = torch.randn(64, 16).double()
    others = anchors + torch.rand(64, 1) * torch.randn(64, 16)
    unit = torch.nn.functional.normalize
    pos = (unit(anchors) * unit(others)).sum(dim=1)
    assert pos.min() > 0

    def pull(weight):
        x = unit(anchors).requires_grad_()
        cosines = (unit(x) * unit(others)).sum(dim=1)
        dcl(cosines, torch.zeros(64), 0.1, weight).sum().backward()
        return x.grad.norm(dim=1).mean()

    for sigma in (0.1, 0.5, 2.0):
        weight = von_mises_fisher_weight(pos, sigma=sigma)
        assert pull(weight) > 1.01 * pull(None)


def test_weight_is_one_for_infinite_sigma_and_stable_for_tiny_sigma():
    pos, _ = rows()
    torch.testing.assert_close(
        von_mises_fisher_weight(pos, sigma=1e9), torch.ones_like(pos)
    )
    tiny = von_mises_fisher_weight(pos.float(), sigma=0.001)
    assert tiny.isfinite().all()


def test_weight_among_one_and_none():
    pos, _ = rows()
    torch.testing.assert_close(
        von_mises_fisher_weight(pos[:1]), torch.ones_like(pos[:1])
    )
    with pytest.raises(ValueError, match='at least one positive, got none'):
        von_mises_fisher_weight(pos[:0])


@pytest.mark.parametrize('temperature', [0, -0.1, math.nan, math.inf])
def test_temperature_must_be_positive(temperature):
    pos, s = rows()
    for loss in (info_nce, dcl, npc_multiplier):
        with pytest.raises(ValueError, match=r'`temperature` must be .* > 0'):
            loss(pos, s, temperature)
    with pytest.raises(ValueError, match=r'`sigma` must be'):
        von_mises_fisher_weight(pos, sigma=temperature)


def test_shapes_must_agree():
    pos, s = rows()
    with pytest.raises(ValueError, match=r'got \(16, 1\) and \(16,\)'):
        dcl(pos[:, None], s, 0.1)
    with pytest.raises(ValueError, match=r'got \(16, 1\) and \(16, 1\)'):
        dcl(pos[:, None], s[:, None], 0.1)
    with pytest.raises(ValueError, match=r'got \(1,\) and \(16,\)'):
        dcl(pos[:1], s, 0.1)


@pytest.mark.parametrize(
    ('value', 'got'),
    [
        *(('0.1', r"'0\.1' \(str\)"), (True, r'True \(bool\)')),
        *((None, 'None'), (torch.ones(2), r'a tensor \(2,\)')),
        (torch.ones(1), r'a tensor \(1,\)'),
    ],
)
def test_temperature_must_be_a_number(value, got):
    pos, s = rows()
    for name, call in dict(
        temperature=lambda: dcl(pos, s, value),
        sigma=lambda: von_mises_fisher_weight(pos, value),
    ).items():
        message = f'`{name}` must be a number > 0, got {got}'
        with pytest.raises(TypeError, match=message):
            call()


@pytest.mark.filterwarnings('error')
def test_temperature_may_be_a_tensor():
    pos, s = rows()
    tau = torch.tensor(0.1, dtype=torch.double, requires_grad=True)
    torch.testing.assert_close(dcl(pos, s, tau), dcl(pos, s, 0.1))
    assert torch.autograd.grad(dcl(pos, s, tau).sum(), tau)[0] != 1
    with pytest.raises(ValueError, match=r'> 0, got 0'):
        dcl(pos, s, torch.tensor(0.0))
