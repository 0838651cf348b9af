"""Spectra that are known, and loops in float64."""

import math

import pytest
import torch

from mmdcl.functional import geometry


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def normal(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def with_spectrum(generator, rows, values):
    """``(rows, D)`` of those singular values, in random directions."""
    width = len(values)
    left = torch.linalg.qr(normal(generator, rows, width))[0]
    right = torch.linalg.qr(normal(generator, width, width))[0]
    return left * torch.as_tensor(values, dtype=torch.float64) @ right.T


@pytest.mark.parametrize('rows', [12, 40])
def test_singular_values(generator, rows):
    for x in (normal(generator, rows, 20), normal(generator, 20, rows)):
        torch.testing.assert_close(
            geometry.singular_values(x), torch.linalg.svdvals(x)
        )


def test_ranks_of_known_spectra(generator):
    equal = with_spectrum(generator, 50, [3.0] * 5 + [0.0] * 3)
    assert geometry.rank_me(equal).item() == pytest.approx(5, rel=1e-4)
    values = torch.tensor([4.0, 2, 1, 1], dtype=torch.float64)
    share = [0.5, 0.25, 0.125, 0.125]
    entropy = -sum(p * math.log(p) for p in share)
    x = with_spectrum(generator, 30, values)
    assert geometry.effective_rank(values).item() == pytest.approx(
        math.exp(entropy), rel=1e-12
    )
    floored = -sum((p + 1e-7) * math.log(p + 1e-7) for p in share)
    assert geometry.rank_me(x).item() == pytest.approx(
        math.exp(floored), rel=1e-9
    )
    assert geometry.effective_rank(torch.zeros(3)).item() == 1


def test_one_point_is_collapsed():
    x = torch.ones(9, 4)
    assert geometry.rank_me(x).item() == pytest.approx(1, abs=1e-4)
    assert geometry.spread(x).item() == pytest.approx(0, abs=1e-12)
    assert geometry.uniformity(x).item() == pytest.approx(0, abs=1e-12)
    assert geometry.alignment(x, x).item() == pytest.approx(0, abs=1e-12)


def test_a_cross_is_spread_evenly():
    """Both ends of each axis: every second moment is 1 / D."""
    x = torch.cat([torch.eye(6), -torch.eye(6)])
    assert geometry.spread(x).item() == pytest.approx(1)
    assert geometry.alignment(x[:6], x[6:]).item() == pytest.approx(4)
    pairs = 66
    opposite, others = 6 * math.exp(-2 * 4), 60 * math.exp(-2 * 2)
    assert geometry.uniformity(x).item() == pytest.approx(
        math.log((opposite + others) / pairs)
    )


def test_alignment_and_uniformity_by_loops(generator):
    x, y = normal(generator, 2, 7, 5)
    near, potential = [], []
    for i in range(7):
        a, b = x[i] / x[i].norm(), y[i] / y[i].norm()
        near.append(float((a - b).norm() ** 2))
        for j in range(i):
            c = x[j] / x[j].norm()
            potential.append(math.exp(-3 * float((a - c).norm() ** 2)))
    assert geometry.alignment(x, y).item() == pytest.approx(sum(near) / 7)
    assert geometry.uniformity(x, t=3.0).item() == pytest.approx(
        math.log(sum(potential) / 21)
    )


def test_covariance_spectrum(generator):
    x = normal(generator, 30, 6) + 5
    expected = torch.linalg.eigvalsh(torch.cov(x.T, correction=0)).flip(0)
    torch.testing.assert_close(geometry.covariance_spectrum(x), expected)


@pytest.mark.parametrize('alpha', [0.5, 1.0, 2.0])
def test_alpha_of_a_power_law(generator, alpha):
    index = torch.arange(1, 21, dtype=torch.float64)
    law = index**-alpha
    rounding = torch.full((3,), 1e-14)
    assert geometry.alpha_req(law).item() == pytest.approx(alpha)
    assert geometry.alpha_req(
        torch.cat([law, rounding])
    ).item() == pytest.approx(alpha)
    assert geometry.alpha_req(law[:1]).isnan()


@pytest.mark.parametrize('width', [5, 60])
def test_lidar_by_its_definition(generator, width):
    """Narrower and wider than there are views; a loop over images."""
    x = normal(generator, 2, 12, width) * 0.3 + normal(generator, 12, width)
    mean = x.mean((0, 1))
    between = torch.zeros(width, width, dtype=torch.float64)
    within = 1e-4 * torch.eye(width, dtype=torch.float64)
    for i in range(12):
        own = x[:, i].mean(0)
        between += torch.outer(own - mean, own - mean) / 12
        for v in range(2):
            within += torch.outer(x[v, i] - own, x[v, i] - own) / 12
    values, vectors = torch.linalg.eigh(within)
    half = vectors * values**-0.5 @ vectors.T
    found = torch.linalg.eigvalsh(half @ between @ half).clamp_min(0)
    share = found[-min(12, width) :] / found.sum() + 1e-7
    expected = math.exp(-(share * share.log()).sum())
    assert geometry.lidar(x).item() == pytest.approx(expected, rel=1e-6)


def test_lidar_hears_noise_of_views(generator):
    """A direction in which views differ as much as images tells nothing."""
    images = normal(generator, 200, 4)
    noise = normal(generator, 2, 200, 4) * torch.tensor([0.1, 0.1, 0.1, 9.0])
    assert geometry.lidar(images + noise).item() < 3.2
    assert geometry.lidar(images + 0.1 * noise[..., :1]).item() > 3.2


@pytest.mark.parametrize(
    ('function', 'arguments', 'message'),
    [
        (geometry.alignment, (torch.ones(3, 2), torch.ones(2, 2)), r'\(2, 2'),
        (geometry.uniformity, (torch.ones(1, 2),), r'N >= 2, got \(1, 2\)'),
        (geometry.rank_me, (torch.ones(3),), r'got \(3,\)'),
        (geometry.lidar, (torch.ones(1, 3, 2),), r'V >= 2, got \(1, 3, 2\)'),
        (geometry.lidar, (torch.ones(2, 3, 2), 0.0), '`delta`'),
    ],
)
def test_wrong_shapes(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
