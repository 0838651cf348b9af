"""Crops of a batch of images, resized and turned on their device.

Letters: ``B`` crops, ``C`` channels, ``H`` and ``W`` pixels of images, ``S``
pixels of a crop along one side.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .operators import sent


def _line(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(x: np.ndarray) -> np.ndarray:
    # Cubic convolution with a = -1/2 (Keys, 1981).
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


class Filter(NamedTuple):
    """How pixels become those of another grid.

    Attributes:
        weight: Of a pixel at a distance, in pixels of the smaller grid.
        reach: From where on that is 0.
        antialias: The filter grows with the pixels of the larger grid.
    """

    weight: Callable[[np.ndarray], np.ndarray]
    reach: float
    antialias: bool


# By upstream's `backend` and `interpolation`. OpenCV takes another cubic.
FILTERS = {
    ('pillow', 'bilinear'): Filter(_line, 1.0, antialias=True),
    ('pillow', 'bicubic'): Filter(_cubic, 2.0, antialias=True),
    ('cv2', 'bilinear'): Filter(_line, 1.0, antialias=False),
}


# Of windows of one side; larger images make a matrix for each crop.
_MOST_TABLED = 48


def matrices(
    start: np.ndarray, length: np.ndarray, size: int, out: int, by: Filter
) -> np.ndarray:
    """What resized crops are made of, along one side.

    What is outside of a crop counts nothing.

    Args:
        start: ``(B,)`` first pixels of the crops.
        length: ``(B,)`` their pixels.
        size: Of the images, which the crops are in.
        out: Pixels ``S`` to make of each crop.
        by: How.

    Returns:
        ``(B, S, size)`` float32, of which rows have the sum 1.
    """
    scale = (length / out)[:, None]
    grown = np.maximum(scale, 1) if by.antialias else np.ones_like(scale)
    middle = start[:, None] + (np.arange(out) + 0.5) * scale - 0.5
    pixels = np.arange(size)
    weights = by.weight((pixels - middle[..., None]) / grown[..., None])
    end = start + length
    inside = (pixels >= start[:, None]) & (pixels < end[:, None])
    weights *= inside[:, None]
    weights /= weights.sum(-1, keepdims=True)
    return weights.astype(np.float32)


class Side:
    """Crops along one side of images of one size.

    Args:
        size: Of the images.
        out: Of what is made of a crop.
        by: How.
    """

    def __init__(
        self, size: int, out: int, by: Filter, device: torch.device
    ) -> None:
        self._make = partial(matrices, size=size, out=out, by=by)
        self._device, self._size = device, size
        self._table: Tensor | None = None
        if max(size, out) <= _MOST_TABLED:
            start, less = np.indices((size, size)).reshape(2, -1)
            end = np.minimum(start + less + 1, size)
            table = sent(self._make(start, end - start), device)
            self._table = torch.cat([table, table.flip(1)])

    def __call__(
        self, start: np.ndarray, length: np.ndarray, mirrored: np.ndarray
    ) -> Tensor:
        """Matrices ``(B, out, size)`` of crops, some of them mirrored."""
        if self._table is not None:
            place = (mirrored * self._size + start) * self._size + length - 1
            return self._table.index_select(0, sent(place, self._device))
        weights = self._make(start, length)
        weights[mirrored] = weights[mirrored, ::-1]
        return sent(weights, self._device)


class Crops:
    """Cuts out and resizes, by a product of matrices for each side.

    That is several times faster than to interpolate points.

    Args:
        pool: ``(N, H, C, W)`` uint8, all images. Rows lie together.
        out: Height and width of what is made of crops.
        by: How.
    """

    def __init__(self, pool: Tensor, out: tuple[int, int], by: Filter) -> None:
        _, height, _, width = pool.shape
        self.pool, self.out, self.by = pool, out, by
        self._down = Side(height, out[0], by, pool.device)
        self._across = Side(width, out[1], by, pool.device)

    def __call__(
        self, images: np.ndarray, windows: np.ndarray, mirrored: np.ndarray
    ) -> Tensor:
        """Crops ``(B, C, *out)`` in float32, whole levels.

        Args:
            images: ``(B,)`` which of the pool each is of.
            windows: ``(B, 4)`` top, left, height and width.
            mirrored: ``(2, B)`` vertically and horizontally.
        """
        pool, number = self.pool, len(images)
        channels, width = pool.shape[2:]
        top, left, high, wide = windows.T
        down = self._down(top, high, mirrored[0])
        across = self._across(left, wide, mirrored[1])
        whole = pool.index_select(0, sent(images, pool.device)).float()
        rows = torch.bmm(down, whole.flatten(2))
        done = torch.bmm(rows.view(number, -1, width), across.mT)
        done = done.view(number, self.out[0], channels, -1).transpose(1, 2)
        planes = torch.empty(done.shape, device=pool.device)
        torch.add(done, 0.5, out=planes).floor_()
        # Only a filter that is negative somewhere leaves what there is.
        return planes.clamp_(0, 255) if self.by.reach > 1 else planes


def rotated(images: Tensor, angles: np.ndarray, fill: int) -> Tensor:
    """Turn about the middle; a pixel is the nearest one of before.

    Args:
        images: ``(B, C, H, W)``.
        angles: ``(B,)`` in degrees, clockwise.
        fill: Level of the first channel where nothing was, as OpenCV takes
            one number; the others have 0 there.

    Returns:
        As many.
    """
    height, width = images.shape[2:]
    turns = sent(np.float32(np.deg2rad(angles)), images.device)
    turns = turns.view(-1, 1, 1)
    y = torch.arange(height, device=images.device).view(-1, 1)
    x = torch.arange(width, device=images.device)
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    sine, cosine = turns.sin(), turns.cos()
    row = (cosine * y - sine * x + height / 2).floor().long()
    column = (cosine * x + sine * y + width / 2).floor().long()
    outside = (row < 0) | (row >= height) | (column < 0) | (column >= width)
    row.clamp_(0, height - 1)
    place = row.mul_(width).add_(column.clamp_(0, width - 1))
    place = place.flatten(1).unsqueeze(1).expand(-1, images.shape[1], -1)
    done = images.flatten(2).gather(2, place).view_as(images)
    done.mul_(~outside.unsqueeze(1))
    if fill:
        done[:, 0] += outside * fill
    return done
