"""Views that are made before they are asked for are the same."""

import threading

import numpy as np
import pytest
import torch

from mmdcl.views import ahead as room
from mmdcl.views import batches as kitchen
from mmdcl.views.ahead import Ahead, core_to_spare
from tests.engine.test_train_loop import assert_identical
from tests.views.test_batches import addresses, batches

CPU = torch.device('cpu')
SOON = 30  # seconds


class Cook:
    """Notes what is made, and in which threads."""

    def __init__(self, made) -> None:
        self.threads: list[str] = []
        self._make, made._made = made._made, self
        self._one = threading.Semaphore(0)

    def __call__(self, *args):
        self.threads.append(threading.current_thread().name)
        self._one.release()
        return self._make(*args)

    def done(self, number: int) -> bool:
        return all(self._one.acquire(timeout=SOON) for _ in range(number))


@pytest.fixture
def one_at_once(monkeypatch):
    monkeypatch.setattr(kitchen, '_AT_ONCE', 1)


@pytest.mark.parametrize('thread', [False, True])
@pytest.mark.parametrize('at_once', [1, 2**14, 2**20])
def test_batches_that_are_announced_are_the_same(thread, at_once, monkeypatch):
    """Also of a last, smaller one, and after an epoch that was left."""
    monkeypatch.setattr(kitchen, '_AT_ONCE', at_once)
    made = batches()
    order = [addresses(x) for x in np.split(np.arange(64), (16, 32, 48, 60))]
    alone = [made.views(batch) for batch in order]
    ahead = Ahead(order, made, thread)
    assert len(ahead) == 5
    assert made.ahead(16) == {1: 1, 2**14: 2, 2**20: 128}[at_once]
    left = iter(ahead)
    next(left)
    assert_identical([ahead.views(batch) for batch in ahead], alone)
    # Whoever asks for something else is in nobody's way.
    announced = iter(ahead)
    next(announced)
    assert_identical(ahead.views(addresses(range(48, 60))), alone[3])
    assert_identical(ahead.views(order[0]), alone[0])


def test_the_next_batch_is_made_while_a_network_trains(one_at_once):
    made = batches()
    cook = Cook(made)
    order = [addresses(range(i, i + 4)) for i in range(0, 20, 4)]
    for number, batch in enumerate(Ahead(order, made, thread=True)):
        # Two at the start, then one for each; nobody asked.
        assert cook.done(2 if not number else number < 4)
        assert len(cook.threads) == min(number + 2, 5)
        assert batch is order[number]
    assert all(name.startswith('views') for name in cook.threads)


def test_without_a_thread_what_is_asked_for_is_made(monkeypatch):
    """Once, with what is made together with it."""
    monkeypatch.setattr(kitchen, '_AT_ONCE', 2**12)
    made = batches()
    cook = Cook(made)
    order = [addresses(range(i, i + 4)) for i in (0, 4, 8, 12)]
    assert made.ahead(4) == 2
    ahead = Ahead(order, made)
    for number, batch in enumerate(ahead):
        assert len(cook.threads) == (number + 1) // 2
        ahead.views(batch)
    assert cook.threads == [threading.current_thread().name] * 2


def test_views_are_not_kept(one_at_once):
    """But for one group before, if nobody asked for it."""
    order = [addresses(range(i, i + 4)) for i in range(0, 40, 4)]
    ahead = Ahead(order, batches())
    for batch in ahead:
        ahead.views(batch)
    assert not ahead._expected
    for _ in ahead:
        assert len(ahead._expected) <= 3


def test_an_error_in_the_thread_is_that_of_its_batch(one_at_once):
    made = batches()
    ahead = Ahead([addresses([1]), addresses([999])], made, thread=True)
    good, bad = ahead
    ahead.views(good)
    with pytest.raises(IndexError):
        ahead.views(bad)


@pytest.mark.parametrize('thread', [False, True])
def test_indices_draw_in_the_thread_that_trains(thread, one_at_once):
    """So that a seed says what is drawn when: two batches, then one each."""
    order = [[3, 5], [7], [1, 2]]
    torch.manual_seed(4)
    expected = []
    for sizes in ([2, 1], [2], []):
        for size in sizes:
            torch.randint(2**62, (size,))
        expected.append(torch.rand(1))
    torch.manual_seed(4)
    ahead, found = Ahead(order, batches(), thread), []
    for batch in ahead:
        ahead.views(batch)
        found.append(torch.rand(1))
    assert_identical(found, expected)


@pytest.mark.parametrize(
    ('cores', 'processes', 'threads', 'device', 'spare'),
    [
        (2, 1, 1, CPU, True),
        (1, 1, 1, CPU, False),
        (3, 2, 1, CPU, False),
        (4, 2, 1, CPU, True),
        (8, 1, 4, CPU, False),
        (8, 1, 1, torch.device('cuda'), False),
    ],
)
def test_a_core_to_spare(
    cores, processes, threads, device, spare, monkeypatch
):
    monkeypatch.setattr(room, 'cores', lambda: cores)
    monkeypatch.setenv('LOCAL_WORLD_SIZE', str(processes))
    monkeypatch.setattr(torch, 'get_num_threads', lambda: threads)
    assert core_to_spare(device) is spare
