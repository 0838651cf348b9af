"""Mean and deviation of each channel of a folder of images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UserError, UserFileNotFoundError, UserValueError
from .found import find_images
from .multichannel import LoadMultichannelImage

SUFFIXES = ('.tif', '.tiff', '.npy', '.png')
_DIGITS = 6  # of a number, as it is printed


@dataclass(frozen=True)
class ChannelStatistics:
    """What each of ``C`` channels holds, all pixels of all images together.

    Printed, it is what a config needs of it.

    Attributes:
        mean: ``(C,)`` float64.
        std: ``(C,)`` float64, of the population.
        low: ``(C,)`` smallest values.
        high: ``(C,)`` largest values.
        missing: ``(C,)`` shares of pixels that hold no data, left out of all
            of these.
        images: How many were read.
        unread: Those that were not: file and reason.
    """

    mean: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray
    missing: np.ndarray
    images: int
    unread: list[str]

    def __str__(self) -> str:
        mean, std = (
            ', '.join(f'{x:.{_DIGITS}g}' for x in values)
            for values in (self.mean, self.std)
        )
        lines = [f'# {self.images} images of {len(self.mean)} channels']
        if self.missing.any():
            lines.append(
                f'# no data: up to {self.missing.max():.2%} a channel'
            )
        for number in np.flatnonzero(self.std == 0):
            lines.append(f'# channel {number} is constant: leave it out')
        lines += [f'# not read: {name}' for name in self.unread[:5]]
        if self.unread[5:]:
            lines.append(f'# not read: {len(self.unread) - 5} more')
        return '\n'.join(
            [
                *lines,
                'data_preprocessor = dict(',
                f'    mean=[{mean}],',
                f'    std=[{std}],',
                ')',
                f'model = dict(backbone=dict(in_channels={len(self.mean)}))',
            ]
        )


def channel_statistics(
    folder: str,
    channels: int | None = None,
    bands: Sequence[int] | None = None,
    nodata: float | None = None,
) -> ChannelStatistics:
    """Look at all images below a folder, one after the other.

    Sums are those of deviations from a running mean, in float64: exact for
    any number of images, with one of them in memory.

    Args:
        folder: With ``.tif``, ``.npy`` or ``.png`` files at any depth.
        channels: As of :class:`mmdcl.LoadMultichannelImage`.
        bands: As there.
        nodata: As there.

    Raises:
        FileNotFoundError: There is no image.
        ValueError: None can be read, or the first has other channels.
    """
    load = LoadMultichannelImage(channels, bands, nodata)
    try:
        found = find_images(folder, SUFFIXES).images
    except (FileNotFoundError, NotADirectoryError):
        found = []
    if not found:
        raise UserFileNotFoundError(
            f'no image below {folder}; they end in {", ".join(SUFFIXES)}'
        )
    count = mean = squares = missing = np.float64(0)
    low, high = np.inf, -np.inf
    images, unread = 0, []
    for name in found:
        try:
            image, bad = load.read(f'{folder}/{name}')
        except UserError:
            raise
        except Exception as error:  # as many kinds as there are formats
            unread.append(f'{name} ({error})')
            continue
        images += 1
        there = (~bad).sum((0, 1), dtype=np.float64)
        values = np.where(bad, 0, image).astype(np.float64)
        own = values.sum((0, 1)) / np.maximum(there, 1)
        values = np.where(bad, 0, values - own)
        # Chan, Golub and LeVeque, Updating Formulae, 1979.
        total = np.maximum(count + there, 1)
        squares = squares + (values**2).sum((0, 1))
        squares = squares + (own - mean) ** 2 * count * there / total
        mean = mean + (own - mean) * there / total
        count, missing = count + there, missing + bad.sum((0, 1))
        low = np.minimum(low, np.where(bad, np.inf, image).min((0, 1)))
        high = np.maximum(high, np.where(bad, -np.inf, image).max((0, 1)))
    if not images or not np.all(count):
        why = unread[0] if unread else 'a band holds no data in any of them'
        raise UserValueError(
            f'no statistics of {len(found)} images below {folder}: {why}'
        )
    return ChannelStatistics(
        mean,
        np.sqrt(squares / count),
        low,
        high,
        missing / (count + missing),
        images,
        unread,
    )
