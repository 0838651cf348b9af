"""Random numbers that depend on an image's address and on nothing else."""

from collections.abc import Sequence

import numpy as np
import torch

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio


def _mixed(x: np.ndarray) -> np.ndarray:
    """SplitMix64's output function, bits of one number over another.

    Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators,
    OOPSLA 2014, with the constants of variant 13 of Stafford.
    """
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def keys_of(addresses: Sequence) -> np.ndarray:
    """A number of 64 bits for each image.

    Args:
        addresses: Of the ``B`` images: tuples of as many whole numbers, as
            loops give them that resume exactly, or indices alone, to which
            torch's generator of the CPU adds what changes from batch to
            batch.

    Returns:
        ``(B,)`` uint64. Neither order nor number of the images matters to
        what a tuple becomes.
    """
    parts = np.array(addresses, dtype=np.int64).astype(np.uint64)
    if parts.ndim == 1:
        drawn = torch.randint(2**62, (len(parts),)).numpy()
        parts = np.stack([drawn.astype(np.uint64), parts], axis=1)
    keys = np.zeros(len(parts), np.uint64)
    for part in parts.T:
        keys = _mixed(keys + _ODD + part)
    return keys


def uniforms(keys: np.ndarray, views: range, columns: int) -> np.ndarray:
    """Numbers in [0, 1) of some views of each image.

    Args:
        keys: ``(B,)`` of the images.
        views: Numbers of the ``V`` views among all of an image.
        columns: Numbers of each.

    Returns:
        ``(V * B, columns)`` float64, first those of the first view.
    """
    view = np.array(views, np.uint64)[:, None] + np.uint64(1)
    start = _mixed(keys + view * _ODD).reshape(-1, 1)
    steps = np.arange(1, columns + 1, dtype=np.uint64) * _ODD
    bits = _mixed(start + steps) >> np.uint64(11)
    return bits * 2.0**-53
