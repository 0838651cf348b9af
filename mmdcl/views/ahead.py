"""Views of the next batches, before these are asked for."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice, pairwise
from typing import Any

import torch
from torch import Tensor

from ..provenance import cores
from .batches import BatchViews


def core_to_spare(device: torch.device) -> bool:
    """Whether views may have a core of their own.

    Not where torch computes with several threads, as views have them all, nor
    where processes that train beside this one need the cores (``torchrun``
    and ``mmdcl sweep`` say how many there are on a machine).
    """
    alone = device.type == 'cpu' and torch.get_num_threads() == 1
    sharing = int(os.environ.get('LOCAL_WORLD_SIZE') or 1)
    return alone and cores() >= 2 * sharing


class Ahead:
    """A loader's batches, several of which have their views made at once.

    Args:
        batches: A loader's, of indices or addresses.
        views: What makes views.
        thread: While a network trains on some batches, those of the next ones
            are made in another thread.
    """

    def __init__(
        self, batches: Any, views: BatchViews, thread: bool = False
    ) -> None:
        self._batches, self._views = batches, views
        self._thread = ThreadPoolExecutor(1, 'views') if thread else None
        # Groups, each with what waits for its views: the one that is asked
        # for, the next one, and one that nobody may have asked for.
        self._expected: deque[tuple[list, Callable]] = deque(maxlen=3)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list]:
        # The next group is expected before any of this one is given out.
        for group, _ in pairwise(chain(self._groups(), [[]])):
            yield from group

    def _groups(self) -> Iterator[list[list]]:
        batches = iter(self._batches)
        for first in batches:
            more = self._views.ahead(len(first)) - 1
            group = [first, *islice(batches, more)]
            self._expect(group)
            yield group

    def _expect(self, group: list[list]) -> None:
        make = self._views.of(group)
        if self._thread:
            make = self._thread.submit(make).result
        self._expected.append((group, make))

    def views(self, addresses: list) -> list[Tensor]:
        """All views ``(B, C, H, W)`` of a batch, in float32.

        Args:
            addresses: The very list that was given out, or others.
        """
        for number, (group, made) in enumerate(self._expected):
            for place, batch in enumerate(group):
                if batch is addresses:
                    if batch is group[-1]:
                        del self._expected[number]
                    return made()[place]
        return self._views.views(addresses)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('_'):
            raise AttributeError(name)
        return getattr(self._batches, name)
