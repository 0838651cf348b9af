import math

import pytest
import torch

from mmdcl.functional import knn_scores, nearest, neighbors
from mmdcl.functional.neighbors import order_keys


def data(q=11, m=57, d=6, classes=4):
    torch.manual_seed(0)
    return (
        torch.randn(q, d),
        torch.randn(m, d),
        torch.randint(classes, (m,)),
    )


def loop_scores(queries, bank, labels, classes, k, temperature):
    scores = torch.zeros(len(queries), classes)
    for i, query in enumerate(queries):
        cosine = [
            float(torch.dot(query, row) / query.norm() / row.norm())
            for row in bank
        ]
        best = sorted(range(len(bank)), key=lambda j: -cosine[j])[:k]
        for j in best:
            scores[i, labels[j]] += math.exp(cosine[j] / temperature)
    return scores / scores.sum(1, keepdim=True)


@pytest.mark.parametrize('tile', [5, 20, 1000])
@pytest.mark.parametrize('k', [1, 7, 57])
def test_equals_the_loops_whatever_the_tile(k, tile):
    queries, bank, labels = data()
    scores = knn_scores(queries, bank, labels, 4, k, 0.07, tile)
    expected = loop_scores(queries, bank, labels, 4, k, 0.07)
    torch.testing.assert_close(scores, expected)


def test_query_chunks_do_not_matter():
    queries, bank, labels = data()
    whole = nearest(queries, [(bank, labels)], 5)
    parts = nearest(queries, [(bank, labels)], 5, chunk=3)
    torch.testing.assert_close(whole, parts)


def test_bank_smaller_than_k():
    queries, bank, labels = data()
    with pytest.raises(ValueError, match=r'k=58 .* holds only 57'):
        knn_scores(queries, bank, labels, 4, k=58)


@pytest.mark.parametrize('k', [1, 2, 4, 23])
def test_of_equal_cosines_the_lowest_number_is_nearest(k):
    """However bank and queries are cut, and in whatever order tiles come."""
    queries, bank, _ = data(q=40, m=8, d=64)
    bank = torch.cat([bank[torch.randint(8, (90,))], bank])
    number = torch.arange(2**24, 2**24 + 98) * 3
    expected = None
    for tile, chunk, order in [
        *((1, 40, 1), (5, 1, 1), (13, 7, -1), (40, 33, -1)),
        *((97, 3, 1), (98, 40, 1)),
    ]:
        tiles = list(zip(bank.split(tile), number.split(tile), strict=True))
        found = nearest(queries, tiles[::order], k, chunk)
        if expected is None:
            expected = found
            unit = torch.nn.functional.normalize(bank.double(), dim=1)
            cosine = torch.nn.functional.normalize(queries.double(), dim=1)
            cosine = (cosine @ unit.T * 1e6).round()
            for row, got in zip(cosine.tolist(), found[1], strict=True):
                best = sorted(range(98), key=lambda j, row=row: (-row[j], j))
                assert got.tolist() == number[best[:k]].tolist()
        for got, want in zip(found, expected, strict=True):
            assert torch.equal(got, want), (tile, chunk)


@pytest.mark.parametrize('k', [2, 20, 200])
@pytest.mark.parametrize('shuffled', [True, False])
def test_what_is_left_out_of_a_tile_is_none_of_the_nearest(
    k, shuffled, monkeypatch
):
    """As by `topk` of whole tiles: classes in order, equals, rows hidden."""
    torch.manual_seed(0)
    bank = torch.randn(8, 1, 16) + torch.randn(8, 625, 16)
    bank = bank.flatten(0, 1).repeat_interleave(2, 0)[:9984]
    queries = bank[::70] + torch.randn(143, 16)
    bank[5000:5100] = torch.nan
    number = torch.arange(len(bank))
    if shuffled:
        bank = bank[torch.randperm(len(bank))]
    tiles = list(zip(bank.split(2048), number.split(2048), strict=True))
    found, told = [], neighbors._few_keys
    for queries[3] in (torch.ones(16), torch.full((16,), torch.nan)):
        few = []
        with monkeypatch.context() as patch:
            patch.setattr(
                neighbors,
                '_few_keys',
                lambda *x, few=few: few.append(told(*x)) or few[-1],
            )
            found.append(nearest(queries, tiles, k))
            assert len(few) == len(tiles)
            if len(found) == 1 and shuffled:
                assert sum(x is not None for x in few) > (3 if k < 200 else 0)
            patch.setattr(neighbors, '_few_keys', lambda *_: None)
            plain = nearest(queries, tiles, k)
        known = ~plain[0].isnan()
        assert torch.equal(found[-1][0][known], plain[0][known])
        assert torch.equal(found[-1][1][known], plain[1][known])
    assert found[1][0][3].isnan().all()
    assert found[1][1].max() < len(bank)


def test_products_are_float32_whatever_is_chosen(monkeypatch):
    """Few CPUs would show it in the result."""
    queries, bank, labels = data()
    place = getattr(torch.backends.mkldnn, 'conv', None)
    if not hasattr(place, 'fp32_precision'):
        pytest.skip('torch before 2.9 leaves no such choice')
    seen, conv2d = [], torch.nn.functional.conv2d

    def spy(*args):
        seen.append(place.fp32_precision)
        return conv2d(*args)

    monkeypatch.setattr(torch.nn.functional, 'conv2d', spy)
    place.fp32_precision = 'bf16'
    try:
        nearest(queries, [(bank, labels)], 5)
        assert (seen, place.fp32_precision) == (['ieee'], 'bf16')
    finally:
        place.fp32_precision = 'none'


def test_a_collapsed_network_has_one_answer():
    same = torch.ones(700, 8)
    for tile in (3, 256, 1000):
        tiles = zip(
            same.split(tile), torch.arange(700).split(tile), strict=True
        )
        _, number = nearest(same, tiles, 5)
        assert torch.equal(number, torch.arange(5).repeat(700, 1))


def test_signs_and_zeros_keep_their_order():
    queries = torch.tensor([[1.0, 0.0]])
    bank = torch.tensor([[-1.0, 1], [0, -1], [0, 0], [-1, 0], [1, 1], [0, 1]])
    cosine, number = nearest(queries, [(bank, torch.arange(6))], 6)
    assert number.tolist() == [[4, 1, 2, 5, 0, 3]]
    half = 2**-0.5
    torch.testing.assert_close(
        cosine, torch.tensor([[half, 0, 0, 0, -half, -1]])
    )


@pytest.mark.parametrize(
    ('dtype', 'scale'),
    [
        *((torch.float32, 1e30), (torch.float32, 1e-30)),
        *((torch.float64, 1e300), (torch.float64, 1e-300)),
        *((torch.float16, 1e-3), (torch.bfloat16, 1e30)),
    ],
)
def test_any_length_and_dtype(dtype, scale):
    queries, bank, labels = data()
    queries, bank = (x.to(torch.bfloat16).double() for x in (queries, bank))
    expected = knn_scores(queries, bank, labels, 4, 7)
    scaled = [(x * scale).to(dtype) for x in (queries, bank)]
    exact = dtype not in (torch.float16, torch.bfloat16)
    torch.testing.assert_close(
        knn_scores(*scaled, labels, 4, 7),
        expected,
        **({} if exact else dict(rtol=0.05, atol=0.01)),
    )


@pytest.mark.parametrize('k', [1, 7, 57])
def test_a_row_that_is_not_finite_is_nobodys_neighbour(k):
    queries, bank, labels = data()
    expected = knn_scores(queries, bank, labels, 4, k)
    bad = torch.full((3, 6), torch.inf)
    bad[1], bad[2, 1:] = torch.nan, 0
    found = knn_scores(
        queries,
        torch.cat([bad[:1], bank, bad[1:]]),
        torch.cat([labels[:1], labels, labels[:2]]),
        4,
        k,
    )
    torch.testing.assert_close(found, expected)


def test_no_queries_and_no_neighbours():
    queries, bank, labels = data()
    assert knn_scores(queries[:0], bank, labels, 4, 7).shape == (0, 4)
    with pytest.raises(ValueError, match=r'`k` must be >= 1, got 0'):
        knn_scores(queries, bank, labels, 4, k=0)
    with pytest.raises(ValueError, match=r'k=1 .* holds only 0'):
        knn_scores(queries, bank[:0], labels[:0], 4, k=1)
    with pytest.raises(ValueError, match=r'`temperature` must be'):
        knn_scores(queries, bank, labels, 4, 7, temperature=0)


def test_defaults_are_those_of_the_literature():
    """Wu et al., CVPR 2018: temperature 0.07; 20 neighbours vote."""
    queries, bank, labels = data()
    found = knn_scores(queries, bank, labels, 4)
    assert torch.equal(found, knn_scores(queries, bank, labels, 4, 20, 0.07))


def test_minus_zero_is_zero():
    number = torch.zeros(1, 1, dtype=torch.long)
    zeros = torch.tensor([[-0.0]]), torch.tensor([[0.0]])
    assert len({int(order_keys(zero, number)) for zero in zeros}) == 1


def test_torch_before_2_9(monkeypatch):
    class Matmul:  # of torch 2.1
        def __getattr__(self, name):
            raise AssertionError(f'Unknown attribute {name}')

    queries, bank, labels = data()
    now = nearest(queries, [(bank, labels)], 5)
    monkeypatch.setattr(torch.backends.cuda, 'matmul', Matmul())
    then = nearest(queries, [(bank, labels)], 5)
    for found, again in zip(now, then, strict=True):
        assert torch.equal(found, again)
