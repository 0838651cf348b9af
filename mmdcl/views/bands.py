"""Views of images of any channels and any depth, in the workers.

Crops and flips of upstream do that already. Its colours, its blur and its
rotations are for three channels of uint8.
"""

import math

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmpretrain.datasets.transforms import GaussianBlur as UpstreamGaussianBlur

from ..arguments import require_flag, require_number
from ..errors import UserValueError
from ..registry import TRANSFORMS


def _alike(values: np.ndarray, image: np.ndarray) -> np.ndarray:
    """In shape and type of the image, rounded and cut off where it must."""
    if image.dtype.kind in 'ui':
        bounds = np.iinfo(image.dtype)
        values = values.round().clip(bounds.min, bounds.max)
    return values.reshape(image.shape).astype(image.dtype)


@TRANSFORMS.register_module()
class RandomBandJitter(BaseTransform):
    """Another gain and another offset for each band: colours, if many.

    A band ``x`` becomes ``g * x + o * s``, with ``s`` its standard deviation
    in this view, ``g`` uniform in ``[1 - gain, 1 + gain]`` and ``o`` in
    ``[-offset, offset]``: exposure and haze, whatever the unit.

    Args:
        gain: In [0, 1].
        offset: In deviations, >= 0.
        shared: All bands of a view get the same, which tells nothing of
            colours.
        prob: Of doing something, in [0, 1].

    Raises:
        TypeError: An argument is of another type.
        ValueError: One is out of its bounds.
    """

    def __init__(
        self,
        gain: float = 0.2,
        offset: float = 0.2,
        shared: bool = False,
        prob: float = 0.8,
    ) -> None:
        for name, value in (('gain', gain), ('offset', offset)):
            require_number(name, value, least=0)
        require_number('prob', prob, least=0)
        require_flag('shared', shared)
        for name, value in (('gain', gain), ('prob', prob)):
            if value > 1:
                raise UserValueError(f'`{name}` is 0 to 1, got {value}')
        self.gain, self.offset = gain, offset
        self.shared, self.prob = shared, prob

    @cache_randomness
    def random_gains(self, bands: int) -> tuple[np.ndarray, np.ndarray] | None:
        # (bands,) each; None for doing nothing. No docstring, for which
        # Sphinx would ask mmcv's decorator for the method of no instance.
        if np.random.random() >= self.prob:
            return None
        number = 1 if self.shared else bands
        gains = 1 + np.random.uniform(-self.gain, self.gain, number)
        offsets = np.random.uniform(-self.offset, self.offset, number)
        return np.resize(gains, bands), np.resize(offsets, bands)

    def transform(self, results: dict) -> dict:
        image = results['img']
        bands = image.shape[2] if image.ndim == 3 else 1
        drawn = self.random_gains(bands)
        if drawn is None:
            return results
        values = image.astype(np.float32).reshape(*image.shape[:2], bands)
        gains, offsets = drawn
        offsets = offsets * values.std((0, 1), dtype=np.float64)
        values = values * gains.astype(np.float32) + offsets.astype(np.float32)
        return {**results, 'img': _alike(values, image)}


@TRANSFORMS.register_module()
class RandomRotate90(BaseTransform):
    """Turn by 0, 90, 180 or 270 degrees, each as often as the others.

    With a flip, all eight positions of a square: what is seen from above, or
    through a microscope, has no upside. An image that is no square is turned
    by 0 or 180.
    """

    @cache_randomness
    def random_quarters(self, square: bool) -> int:
        return int(
            np.random.randint(4) if square else 2 * np.random.randint(2)
        )

    def transform(self, results: dict) -> dict:
        image = results['img']
        quarters = self.random_quarters(image.shape[0] == image.shape[1])
        turned = np.ascontiguousarray(np.rot90(image, quarters))
        return {**results, 'img': turned}


@TRANSFORMS.register_module()
class GaussianBlur(UpstreamGaussianBlur):
    """Upstream's, of images of any channels and depth; borders are continued.

    Args:
        **kwargs: As in upstream's: ``radius``, the standard deviation in
            pixels, or the ``magnitude_range`` that it is drawn from; ``prob``.
    """

    def transform(self, results: dict) -> dict:
        if self.random_disable():
            return results
        sigma = self.radius
        if sigma is None:
            sigma = self.random_magnitude()
        if sigma <= 0:
            return results
        size = 2 * math.ceil(4 * sigma) + 1
        image = results['img']
        values = cv2.GaussianBlur(
            image.astype(np.float32),
            (size, size),
            sigma,
            borderType=cv2.BORDER_REPLICATE,
        )
        return {**results, 'img': _alike(values, image)}
