"""Neighbours are those of float64, whatever the precision around them.

Cosines are float32's: those that differ by more than a few roundings must be
in the order that float64 has them in. The settings that speed up the rest of
a network, TF32 and autocast, would confuse neighbours that are that close.
"""

import pytest
import torch

from mmdcl.functional import knn_scores, nearest
from mmdcl.models import SupportSet

pytestmark = pytest.mark.gpu
EPS = torch.finfo(torch.float32).eps
COSINE = 4 * EPS
QUERIES, ROWS, WIDTH, K, TEMPERATURE = 200, 1000, 64, 20, 0.07
PRECISIONS = [torch.float32, torch.bfloat16, torch.float16]


@pytest.fixture(autouse=True)
def _fast_products():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('high')
    yield
    torch.set_float32_matmul_precision(before)


def rows(number, dtype):
    """Around one direction, where cosines are near 1 and near each other."""
    torch.manual_seed(number)
    x = 5 * torch.ones(WIDTH) + torch.randn(number, WIDTH)
    return x.to(dtype)


def unit(x):
    return torch.nn.functional.normalize(x.double(), dim=1)


def decided(cosines, k=1):
    """Which rows have a k-th neighbour clearly before the next one."""
    best = cosines.topk(k + 1).values
    clear = best[:, k - 1] - best[:, k] > 2 * COSINE
    assert clear.float().mean() > 0.9
    return clear


@pytest.mark.parametrize('dtype', PRECISIONS)
def test_of_the_support_set(dtype, device):
    """After it has begun to forget; numbers come with their rows."""
    past, queries = rows(ROWS + 300, dtype), rows(QUERIES, dtype)
    support = SupportSet(ROWS, WIDTH, tile=256).to(device)
    number = torch.arange(len(past), device=device)
    with torch.autocast(device.type, torch.bfloat16):
        for part in number.split(130):
            support.enqueue(past.to(device)[part], part, part % 7)
        found = support.neighbors(queries.to(device))
    assert found.projection.device.type == device.type
    cosines = unit(queries) @ unit(past[300:]).T
    best, place = cosines.max(1)
    clear = decided(cosines)
    assert torch.equal(found.image.cpu()[clear], (place + 300)[clear])
    assert torch.equal(found.label.cpu(), found.image.cpu() % 7)
    torch.testing.assert_close(
        found.cosine.cpu().double(), best, rtol=0, atol=COSINE
    )
    wanted = unit(past)[found.image.cpu()]
    torch.testing.assert_close(
        found.projection.cpu().double(), wanted, rtol=0, atol=COSINE
    )


@pytest.mark.parametrize('dtype', PRECISIONS)
def test_of_knn(dtype, device):
    bank, queries = rows(ROWS, dtype), rows(QUERIES, dtype)
    labels = torch.arange(ROWS) % 7
    given = (x.to(device) for x in (queries, bank, labels))
    with torch.autocast(device.type, torch.bfloat16):
        scores = knn_scores(*given, 7, K, TEMPERATURE, tile=256)
    cosines = unit(queries) @ unit(bank).T
    best, place = cosines.topk(K)
    weights = torch.zeros(QUERIES, 7, dtype=torch.double)
    share = (best / TEMPERATURE).softmax(1)
    weights.scatter_add_(1, labels[place], share)
    clear = decided(cosines, K)
    torch.testing.assert_close(
        scores.cpu().double()[clear],
        weights[clear],
        rtol=0,
        atol=2 * COSINE / TEMPERATURE,
    )


@pytest.mark.parametrize('k', [1, 5])
def test_of_equals_the_first_however_the_bank_is_cut(k, device):
    bank = rows(40, torch.float32).repeat(25, 1).to(device)
    number = torch.arange(ROWS, device=device)
    queries = rows(40, torch.float32).to(device)
    for tile in (ROWS, 256, 97):
        tiles = zip(bank.split(tile), number.split(tile), strict=True)
        _, found = nearest(queries, tiles, k)
        wanted = number[:40, None] + 40 * torch.arange(k, device=device)
        assert torch.equal(found, wanted)
