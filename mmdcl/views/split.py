"""A pipeline of views that leaves flips, colours and blur to the device."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from inspect import getattr_static, unwrap
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import RandomApply, RandomFlip, RandomGrayscale
from mmpretrain.datasets.transforms import (
    ColorJitter,
    GaussianBlur,
    MultiView,
    RandomResizedCrop,
    Solarize,
)

from ..errors import UserTypeError
from ..registry import TRANSFORMS
from .operators import Step

_Drawn = list[tuple[float, ...]]  # a `Step` and its parameters
DIRECTIONS = {
    'horizontal': Step.HORIZONTAL_FLIP,
    'vertical': Step.VERTICAL_FLIP,
    'diagonal': Step.DIAGONAL_FLIP,
}
_VALUES = 4  # of a step: what it is, and up to three parameters
_ANTIALIASED = ('bilinear', 'bicubic')


@cache
def _method(kind: type, name: str) -> Callable:
    # As it was written: mmcv's descriptor costs more than what it decorates.
    return unwrap(getattr_static(kind, name))


def _random(transform: Any, name: str, *args: Any) -> Any:
    """What a random method of an upstream transform answers."""
    return _method(type(transform), name)(transform, *args)


def _flip(transform: RandomFlip) -> _Drawn:
    direction = _random(transform, '_choose_direction')
    return [(DIRECTIONS[direction],)] if direction else []


def _jitter(transform: ColorJitter) -> _Drawn:
    order, *factors = _random(transform, '_rand_params')
    steps = (Step.BRIGHTNESS, Step.CONTRAST, Step.SATURATION, Step.HUE)
    return [(steps[i], factors[i]) for i in order if factors[i] is not None]


def _grayscale(transform: RandomGrayscale) -> _Drawn:
    if _random(transform, '_random_prob') >= transform.prob:
        return []
    weights = np.array(transform.channel_weights, dtype=float)
    return [(Step.GRAYSCALE, *(weights / weights.sum()))]


def _blur(transform: GaussianBlur) -> _Drawn:
    if _random(transform, 'random_disable'):
        return []
    sigma = transform.radius
    return [
        (
            Step.BLUR,
            _random(transform, 'random_magnitude') if sigma is None else sigma,
        )
    ]


def _solarize(transform: Solarize) -> _Drawn:
    if _random(transform, 'random_disable'):
        return []
    lowest = transform.thr
    if lowest is None:
        lowest = _random(transform, 'random_magnitude')
    return [(Step.SOLARIZE, lowest)]


def _maybe(transform: RandomApply) -> _Drawn:
    if not _random(transform, 'random_apply'):
        return []
    return [step for inner in transform for step in draw(inner)]


# What upstream's transforms draw, in the order in which they draw it.
_DRAW: dict[type, Callable[[Any], _Drawn]] = {
    RandomFlip: _flip,
    ColorJitter: _jitter,
    RandomGrayscale: _grayscale,
    GaussianBlur: _blur,
    Solarize: _solarize,
    RandomApply: _maybe,
}


def draw(transform: Any) -> _Drawn:
    return _DRAW[type(transform)](transform)


def _longest(transform: Any) -> int:
    """Most steps that a transform draws."""
    if isinstance(transform, RandomApply):
        return sum(map(_longest, transform))
    return 4 if isinstance(transform, ColorJitter) else 1


def on_device(transform: Any) -> bool:
    """Whether a transform can be left to the device."""
    if type(transform) not in _DRAW:  # a subclass may do something else
        return False
    if isinstance(transform, RandomApply):
        return all(map(on_device, transform))
    if isinstance(transform, RandomGrayscale):
        return (
            transform.keep_channels
            and transform.color_format != 'hsv'
            and len(transform.channel_weights) == 3
        )
    return True


def _names(transforms: list) -> str:
    names = [
        _names(list(x)) if isinstance(x, RandomApply) else type(x).__name__
        for x in transforms
    ]
    return ', '.join(names) or 'nothing'


def _cropped(transform: Any, results: dict) -> dict:
    """``transform``; Pillow's resizing by torch, several times faster.

    Both antialias in integers, and differ by one level at most.
    """
    if not (
        type(transform) is RandomResizedCrop
        and transform.backend == 'pillow'
        and transform.interpolation in _ANTIALIASED
        and results['img'].ndim == 3
    ):
        return transform(results)
    image = results['img']
    top, left, height, width = _random(transform, 'rand_crop_params', image)
    crop = np.ascontiguousarray(image[top : top + height, left : left + width])
    resized = F.interpolate(
        torch.from_numpy(crop).permute(2, 0, 1)[None],
        size=tuple(transform.scale),
        mode=transform.interpolation,
        antialias=True,
    )
    image = resized[0].permute(1, 2, 0).numpy()
    return {**results, 'img': image, 'img_shape': image.shape}


class _View:
    """What workers do for a view, and what is left to the device."""

    def __init__(self, transforms: list) -> None:
        cut = len(transforms)
        while cut and on_device(transforms[cut - 1]):
            cut -= 1
        self.here, self.there = transforms[:cut], transforms[cut:]
        self.length = sum(map(_longest, self.there))

    def __call__(self, results: dict) -> tuple[np.ndarray, _Drawn]:
        if not (self.here and type(self.here[0]) is RandomResizedCrop):
            results = deepcopy(results)  # which it may change in place
        for transform in self.here:
            results = _cropped(transform, results)
        image = results['img']
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise UserTypeError(
                'views on the device start from images of three channels of '
                f'uint8, got {image.shape} of {image.dtype}; remove '
                'mmdcl.DeviceViewsHook for this dataset'
            )
        return image, [step for x in self.there for step in draw(x)]


@TRANSFORMS.register_module()
class SplitViews:
    """A pipeline with ``MultiView`` in two parts, here and on the device.

    Workers decode, crop and resize, and draw the parameters of what follows:
    the longest tail of each view that the device can do. They draw as
    upstream's own transforms would, from the same generators in the same
    order, so that the views of a seed stay the views of that seed.

    Args:
        transforms: Of a pipeline, built; one is upstream's ``MultiView``.

    Raises:
        TypeError: There is no ``MultiView``.
    """

    def __init__(self, transforms: list) -> None:
        places = [i for i, x in enumerate(transforms) if type(x) is MultiView]
        if len(places) != 1:
            raise UserTypeError(
                'mmdcl.DeviceViewsHook needs a pipeline with one MultiView, '
                f'got {_names(transforms)}'
            )
        [place] = places
        self.before = transforms[:place]
        self.after = transforms[place + 1 :]
        views = {
            id(pipeline): _View(pipeline.transforms)
            for pipeline in transforms[place].pipelines
        }
        self.views = [views[id(x)] for x in transforms[place].transforms]
        self.length = max(view.length for view in self.views)

    def parts(self) -> Iterator[tuple[str, str]]:
        """Names of what is done here and there, for each kind of view."""
        for view in dict.fromkeys(self.views):
            yield _names(self.before + view.here), _names(view.there)

    def __call__(self, results: dict) -> dict | None:
        """Uint8 views ``(3, H, W)`` as `inputs`, and `view_steps`.

        The latter is ``(V, L, 4)``: for each view, steps as in
        :func:`mmdcl.views.apply_steps`.
        """
        for transform in self.before:
            results = transform(results)
            if results is None:  # unreadable
                return None
        steps = np.zeros((len(self.views), self.length, _VALUES), np.float32)
        images = []
        for number, view in enumerate(self.views):
            image, drawn = view(dict(results))
            # No copy after torch's resizing, whose rows are those already.
            planes = np.ascontiguousarray(image.transpose(2, 0, 1))
            images.append(torch.from_numpy(planes))
            for slot, step in enumerate(drawn):
                steps[number, slot, : len(step)] = step
        results['img'] = images
        for transform in self.after:
            results = transform(results)
        return {**results, 'view_steps': torch.from_numpy(steps)}
