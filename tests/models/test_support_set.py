"""The queue, against a Python list, and its search, against a loop."""

import pytest
import torch
import torch.nn.functional as F
from torch.autograd.profiler import profile

from mmdcl.models import SupportSet, support_set
from tests.ranks import on_ranks


def content(support: SupportSet) -> list[tuple]:
    """Rows from the oldest to the newest."""
    filled, pointer = int(support.filled), int(support.pointer)
    oldest = pointer if filled == support.size else 0
    order = [(oldest + i) % support.size for i in range(filled)]
    columns = support.rows, support.image, support.label, support.enqueued
    return [tuple(x[i].tolist() for x in columns) for i in order]


@pytest.mark.parametrize('sizes', [(2, 2, 2, 2), (3, 3, 3), (5, 1, 4, 7)])
def test_first_in_first_out_at_any_batch_size(sizes):
    """Partly full, exactly full, at the wrap, batches above the size."""
    support, queue, image = SupportSet(size=5, dim=3), [], 0
    for step, size in enumerate(sizes):
        projections = torch.randn(size, 3)
        images = torch.arange(image, image + size)
        image += size
        support.enqueue(projections, images, images % 4)
        for row, number in zip(
            F.normalize(projections, dim=1).tolist(),
            images.tolist(),
            strict=True,
        ):
            queue.append((row, number, number % 4, step))
        assert content(support) == queue[-5:]
    assert int(support.step) == len(sizes)


@pytest.mark.parametrize('filled', [1, 7, 20])
@pytest.mark.parametrize('tile', [3, 1000])
def test_finds_the_nearest_of_what_is_filled(filled, tile):
    """Also where all cosines are negative: empty rows are not neighbours."""
    support = SupportSet(size=20, dim=4, tile=tile)
    support.enqueue(torch.rand(filled, 4), torch.arange(filled))
    queries = torch.cat([torch.rand(6, 4), -torch.rand(6, 4)])
    found = support.neighbors(queries)
    for query, row, cosine, image in zip(
        queries, found.projection, found.cosine, found.image, strict=True
    ):
        cosines = [
            float(torch.dot(query / query.norm(), support.rows[i]))
            for i in range(filled)
        ]
        best = cosines.index(max(cosines))
        assert int(image) == best
        assert torch.equal(row, support.rows[best])
        assert float(cosine) == pytest.approx(cosines[best], abs=1e-6)


def test_an_empty_set_answers_zeros():
    found = SupportSet(size=4, dim=3).neighbors(torch.randn(2, 3), k=2)
    assert not found.projection.any()
    assert not found.cosine.any()
    assert found.label.tolist() == [-1, -1]


@pytest.mark.parametrize('k', [2, 3])
@pytest.mark.parametrize('filled', [1, 2, 9])
def test_top_k_draws_evenly_from_the_nearest(filled, k):
    support = SupportSet(size=9, dim=2)
    angle = torch.arange(filled) / 10
    rows = torch.stack([angle.cos(), angle.sin()], dim=1)
    support.enqueue(rows, torch.arange(filled))
    found = support.neighbors(torch.tensor([[1.0, 0.0]]).repeat(6000, 1), k)
    counts = torch.bincount(found.image, minlength=filled)
    choices = min(k, filled)
    assert not counts[choices:].any()
    expected = torch.full((choices,), 6000 / choices)
    torch.testing.assert_close(
        counts[:choices].float(), expected, rtol=0.07, atol=0
    )


def test_the_size_of_the_paper():
    support = SupportSet()
    assert support.rows.shape == (98304, 256)


def test_ages_are_steps_since_then():
    support = SupportSet(size=4, dim=2)
    for row in torch.eye(2):
        support.enqueue(row[None])
    support.enqueue(torch.empty(0, 2))
    assert support.neighbors(torch.eye(2)).age.tolist() == [3, 2]


def test_the_nearest_one_draws_nothing_random():
    support = SupportSet(size=4, dim=2)
    support.enqueue(torch.randn(4, 2))
    before = torch.get_rng_state()
    support.neighbors(torch.randn(3, 2, generator=torch.Generator()))
    assert torch.equal(torch.get_rng_state(), before)


def test_no_gradient_and_another_dtype():
    support = SupportSet(size=4, dim=2)
    rows = torch.randn(4, 2, requires_grad=True)
    support.enqueue(rows)
    assert not support.rows.requires_grad
    assert not support.neighbors(rows).cosine.requires_grad
    assert support.double().rows.dtype == torch.float64


def test_the_search_needs_little_memory():
    """98,304 x 256 against 4,096 queries in less than 200 MiB."""
    support = SupportSet(size=98304, dim=256)
    support.enqueue(torch.randn(8192, 256))
    queries = torch.randn(4096, 256)
    with profile(profile_memory=True) as seen:
        support.neighbors(queries)
    now = peak = 0
    events = [
        e for e in seen.kineto_results.events() if e.name() == '[memory]'
    ]
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    assert 10 * 2**20 < peak < 200 * 2**20


def test_products_are_float32_whatever_the_user_chose(monkeypatch):
    """Cosines that bfloat16 cannot tell apart."""
    seen = []
    addmm = torch.addmm
    matmul = torch.backends.cuda.matmul

    def spy(*args):
        legacy = torch.get_float32_matmul_precision()
        seen.append(getattr(matmul, 'fp32_precision', legacy))
        return addmm(*args)

    monkeypatch.setattr(torch, 'addmm', spy)
    torch.set_float32_matmul_precision('medium')
    try:
        support = SupportSet(size=64, dim=128)
        base = torch.randn(128)
        rows = base + 0.02 * torch.randn(64, 128)
        support.enqueue(rows, torch.arange(64))
        with torch.autocast('cpu', dtype=torch.bfloat16):
            found = support.neighbors(rows)
        assert found.image.tolist() == list(range(64))
        assert set(seen) <= {'highest', 'ieee'}
        assert seen
        assert torch.get_float32_matmul_precision() == 'medium'
    finally:
        torch.set_float32_matmul_precision('highest')
    before = support.rows.clone()
    assert torch.equal(support.half().rows, before)


def fill(rank, batches, sizes):
    support = SupportSet(size=7, dim=3)
    for batch, split in zip(batches, sizes, strict=True):
        start = sum(split[:rank])
        mine = slice(start, start + split[rank])
        support.enqueue(batch[mine], torch.arange(len(batch))[mine])
    return support.state_dict()


@pytest.mark.parametrize(
    'sizes', [[(2, 2), (3, 1), (2, 3)], [(2, 2, 2), (1, 3, 2), (4, 4, 1)]]
)
def test_identical_on_all_ranks_and_to_one_process(sizes):
    batches = [torch.randn(sum(split), 3) for split in sizes]
    expected = fill(0, batches, [(sum(split),) for split in sizes])
    for found in on_ranks(len(sizes[0]), fill, batches, sizes):
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            assert torch.equal(found[name], tensor), name


def test_errors_show_what_they_got():
    support = SupportSet(size=4, dim=3)
    with pytest.raises(ValueError, match=r'width 3, got queries \(2, 5\)'):
        support.neighbors(torch.randn(2, 5))
    with pytest.raises(ValueError, match=r'\[1, 4\].*got 5'):
        support.neighbors(torch.randn(2, 3), k=5)
    with pytest.raises(
        ValueError, match=r'`size` must be a whole number >= 1, got 0'
    ):
        SupportSet(size=0)


@pytest.mark.parametrize('size', [4, 9])
def test_what_is_not_finite_is_never_enqueued(size, monkeypatch):
    """Of a batch, past the wrap, and of more than the set can hold."""
    said = []
    monkeypatch.setattr(
        support_set, 'print_log', lambda text, *_: said.append(text)
    )
    support, queue = SupportSet(size=size, dim=3), []
    for step, bad in enumerate([(1,), (), (0, 4), (0, 1, 2, 3, 4), (2, 3)]):
        projections = torch.randn(5, 3)
        for i in bad:
            projections[i, i % 3] = torch.inf if i % 2 else torch.nan
        images = torch.arange(5 * step, 5 * step + 5)
        support.enqueue(projections, images)
        rows = F.normalize(projections, dim=1).tolist()
        queue += [
            (rows[i], 5 * step + i, -1, step) for i in range(5) if i not in bad
        ]
        assert content(support) == queue[-size:]
    assert int(support.not_enqueued) == 10
    assert len(said) == 1
    assert said[0].startswith('1 projections are NaN or infinite')
    assert support.rows.isfinite().all()
    assert 'not_enqueued' not in support.state_dict()  # old ones still load


def test_projections_of_any_length_and_none_at_all():
    support = SupportSet(size=8, dim=3)
    rows = torch.randn(4, 3)
    scale = torch.tensor([1e30, 1e-30, 1.0, 0.0])[:, None]
    support.enqueue(rows * scale)
    expected = F.normalize(rows, dim=1)
    torch.testing.assert_close(support.rows[:3], expected[:3])
    assert not support.rows[3:].any()
    support.enqueue(torch.empty(0, 3))
    assert int(support.filled) == 4
    found = support.neighbors(torch.empty(0, 3))
    assert found.projection.shape == (0, 3)
    assert found.age.shape == (0,)
