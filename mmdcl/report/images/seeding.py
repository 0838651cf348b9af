"""Random numbers of a seed, without a trace in anybody else's."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Meanwhile Python, NumPy and torch's CPU draw by ``seed``.

    Afterwards they go on as if nothing had been drawn: pictures are made in
    the middle of training.

    Args:
        seed: >= 0.
    """
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.set_rng_state(torch.Generator().manual_seed(seed).get_state())
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


def seed_of(seed: int, *numbers: int) -> int:
    """Another seed for each of many things, such as images."""
    state = np.random.SeedSequence([seed, *numbers]).generate_state(1)
    return int(state[0])
