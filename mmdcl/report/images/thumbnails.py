"""Small pictures of images, as people see them."""

from collections.abc import Sequence

import cv2
import numpy as np
from torch import Tensor

_LARGEST = 64  # pixels of a thumbnail
_WHITE = 255.5  # a level that interpolation may reach
_ENDS = (2, 98)  # percentiles that become black and white


def thumbnail(image: Tensor | np.ndarray, order: str = 'rgb') -> np.ndarray:
    """Uint8 RGB, its longer side at most 64 px.

    Args:
        image: ``(C, H, W)`` tensor or ``(H, W, C)`` array, of levels; one
            that has other values, as it is normalised, is stretched.
        order: ``'rgb'`` or ``'bgr'``.
    """
    pixels = (
        image.permute(1, 2, 0).cpu().numpy()
        if isinstance(image, Tensor)
        else image
    )
    pixels = shown(pixels, order)
    height, width = pixels.shape[:2]
    scale = _LARGEST / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def shown(pixels: np.ndarray, order: str = 'rgb') -> np.ndarray:
    """Uint8 RGB ``(H, W, 3)`` of an image of any kind.

    Of more than three channels the first three are red, green and blue, of
    two the first is grey. What has other values than levels from 0 to 255 is
    stretched.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    order = order if pixels.shape[2] == 3 else 'rgb'
    many = pixels.shape[2] > 3
    pixels = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1]
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float32)
        low, high = float(pixels.min()), float(pixels.max())
        if many or high > _WHITE:
            [pixels] = stretched([pixels])
        elif low < 0 or high <= 1:
            pixels = (pixels - low) / max(high - low, 1e-6) * 255
        pixels = pixels.round().astype(np.uint8)
    if pixels.shape[2] == 1:
        pixels = pixels.repeat(3, 2)
    elif order == 'bgr':
        pixels = pixels[..., ::-1]
    return np.ascontiguousarray(pixels)


def stretched(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Uint8: 2nd to 98th percentile of each channel over all the images.

    Args:
        images: ``(H, W, C)`` of any type, alike in ``C``.
    """
    values = np.concatenate([x.reshape(-1, x.shape[2]) for x in images])
    low, high = np.percentile(values.astype(np.float32), _ENDS, axis=0)
    scale = 255 / np.maximum(high - low, 1e-6)
    return [
        ((x.astype(np.float32) - low) * scale).clip(0, 255).astype(np.uint8)
        for x in images
    ]


def fitted(image: np.ndarray, size: int) -> np.ndarray:
    """Its longer side ``size`` px; what is small gets larger squares."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    new = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
    return cv2.resize(image, new, interpolation=how)


class Canvas:
    """Many small pictures in one, clear where there is none.

    Args:
        width: In pixels.
        height: In pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self.pixels = np.zeros((height, width, 4), np.uint8)

    def paste(self, image: np.ndarray, left: int, top: int, size: int) -> None:
        """Put an RGB image into the middle of a square."""
        image = fitted(image, size)
        height, width = image.shape[:2]
        left, top = left + (size - width) // 2, top + (size - height) // 2
        place = self.pixels[top : top + height, left : left + width]
        place[..., :3] = image[: place.shape[0], : place.shape[1]]
        place[..., 3] = 255
