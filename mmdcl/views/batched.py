"""What upstream's transforms draw, for a batch of images at once.

Each transform has its number of ``columns`` of uniform numbers, of which it
makes what it would have drawn one after the other: other numbers, of the same
distribution. Letters: ``B`` images, ``L`` steps, as in ``operators``.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from mmcv.transforms import RandomApply, RandomFlip, RandomGrayscale
from mmpretrain.datasets.transforms import (
    ColorJitter,
    GaussianBlur,
    RandomResizedCrop,
    Rotate,
    Solarize,
)

from .operators import Step
from .split import DIRECTIONS, on_device

# All orders of brightness, contrast, saturation and hue, and the slot of each:
# hue in the middle, so that one call does it to all images, and the others
# in their order before and after it.
_ORDERS = list(itertools.permutations(range(4)))
_HUE = 3
_JITTER_SLOTS = 7


def _slots(order: tuple[int, ...]) -> list[int]:
    before = order.index(_HUE)
    places = [_HUE - before + i for i in range(before)]
    places += [_HUE] + [_HUE + 1 + i for i in range(3 - before)]
    return [places[order.index(kind)] for kind in range(4)]


_SLOTS = np.array([_slots(order) for order in _ORDERS])


class Draw(NamedTuple):
    """How a transform draws.

    Attributes:
        columns: How many uniform numbers it takes of each image.
        steps: How many slots it fills, most.
        draw: ``(B, columns)`` to steps ``(B, steps, 4)``.
    """

    columns: int
    steps: int
    draw: Callable[[np.ndarray], np.ndarray]


def _between(u: np.ndarray, bounds: Any) -> np.ndarray:
    low, high = bounds
    return low + (high - low) * u


def _flip(transform: RandomFlip) -> Draw:
    directions, prob = transform.direction, transform.prob
    names = [directions] if isinstance(directions, str) else list(directions)
    each = prob if isinstance(prob, list) else [prob / len(names)] * len(names)
    ends = np.cumsum(each)
    kinds = np.array([*(DIRECTIONS[x] for x in names), Step.NOTHING])

    def draw(u: np.ndarray) -> np.ndarray:
        steps = np.zeros((len(u), 1, 4), np.float32)
        steps[:, 0, 0] = kinds[np.searchsorted(ends, u[:, 0], side='right')]
        return steps

    return Draw(1, 1, draw)


def _jitter(transform: ColorJitter) -> Draw:
    bounds = (
        transform.brightness,
        transform.contrast,
        transform.saturation,
        transform.hue,
    )
    kinds = (Step.BRIGHTNESS, Step.CONTRAST, Step.SATURATION, Step.HUE)

    def draw(u: np.ndarray) -> np.ndarray:
        steps = np.zeros((len(u), _JITTER_SLOTS, 4), np.float32)
        slots = _SLOTS[(u[:, 4] * len(_ORDERS)).astype(int)]
        rows = np.arange(len(u))
        for number, (kind, bound) in enumerate(
            zip(kinds, bounds, strict=True)
        ):
            if bound is not None:
                steps[rows, slots[:, number], 0] = kind
                factor = _between(u[:, number], bound)
                steps[rows, slots[:, number], 1] = factor
        return steps

    return Draw(5, _JITTER_SLOTS, draw)


def _sometimes(step: tuple, prob: float, magnitude: Any = None) -> Draw:
    """One step, with a first parameter that may be drawn."""

    def draw(u: np.ndarray) -> np.ndarray:
        steps = np.zeros((len(u), 1, 4), np.float32)
        steps[:, 0, : len(step)] = step
        if magnitude is not None:
            steps[:, 0, 1] = magnitude(u[:, 1])
        steps[u[:, 0] >= prob] = 0
        return steps

    return Draw(2, 1, draw)


def _grayscale(transform: RandomGrayscale) -> Draw:
    weights = np.array(transform.channel_weights, dtype=float)
    step = (Step.GRAYSCALE, *(weights / weights.sum()))
    return _sometimes(step, transform.prob)


def magnitudes(transform: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Of upstream's ``BaseAugTransform``, from uniform numbers."""
    level, total = transform.magnitude_level, transform.total_level

    def draw(u: np.ndarray) -> np.ndarray:
        drawn = u * level if transform.magnitude_std == 'inf' else level
        return _between(np.broadcast_to(drawn, u.shape) / total, bounds)

    bounds = transform.magnitude_range
    return draw


def _blur(transform: GaussianBlur) -> Draw:
    radius = transform.radius
    drawn = magnitudes(transform) if radius is None else None
    return _sometimes((Step.BLUR, radius or 0.0), transform.prob, drawn)


def _solarize(transform: Solarize) -> Draw:
    lowest = transform.thr
    drawn = magnitudes(transform) if lowest is None else None
    return _sometimes((Step.SOLARIZE, lowest or 0.0), transform.prob, drawn)


def _maybe(transform: RandomApply) -> Draw:
    inner = in_turn(list(transform))

    def draw(u: np.ndarray) -> np.ndarray:
        steps = inner.draw(u[:, 1:])
        steps[u[:, 0] >= transform.prob] = 0
        return steps

    return Draw(1 + inner.columns, inner.steps, draw)


_DRAW: dict[type, Callable[[Any], Draw]] = {
    RandomFlip: _flip,
    ColorJitter: _jitter,
    RandomGrayscale: _grayscale,
    GaussianBlur: _blur,
    Solarize: _solarize,
    RandomApply: _maybe,
}


def in_turn(transforms: list) -> Draw:
    """Several transforms of those that :func:`can_draw` knows."""
    draws = [_DRAW[type(x)](x) for x in transforms]

    def draw(u: np.ndarray) -> np.ndarray:
        steps, column = [np.zeros((len(u), 0, 4), np.float32)], 0
        for part in draws:
            steps.append(part.draw(u[:, column : column + part.columns]))
            column += part.columns
        return np.concatenate(steps, axis=1)

    columns = sum(x.columns for x in draws)
    return Draw(columns, sum(x.steps for x in draws), draw)


def _magnitude_known(transform: Any) -> bool:
    spread = getattr(transform, 'magnitude_std', 0)
    return spread == 'inf' or spread <= 0


def can_draw(transform: Any) -> bool:
    """Whether it is one of upstream's whose draws are known here."""
    if isinstance(transform, RandomApply):
        return all(map(can_draw, transform))
    return on_device(transform) and _magnitude_known(transform)


def can_rotate(transform: Any) -> bool:
    return (
        type(transform) is Rotate
        and transform.center is None
        and transform.scale == 1
        and transform.interpolation == 'nearest'
        and isinstance(transform.pad_val, int)
        and _magnitude_known(transform)
    )


def rotation(transform: Rotate, u: np.ndarray) -> np.ndarray:
    """Angles ``(B,)`` in degrees, clockwise; 0 where it does nothing.

    Args:
        transform: As :func:`can_rotate` accepts it.
        u: ``(B, 3)`` uniform numbers.
    """
    angle = np.full(len(u), transform.angle, float)
    if transform.angle is None:
        angle = magnitudes(transform)(u[:, 1])
    angle = np.where(u[:, 2] < transform.random_negative_prob, -angle, angle)
    return np.where(u[:, 0] > transform.prob, 0.0, angle)


def crop_columns(transform: RandomResizedCrop) -> int:
    return 2 + 2 * transform.max_attempts


def crop_windows(
    transform: RandomResizedCrop, height: int, width: int, u: np.ndarray
) -> np.ndarray:
    """Top, left, height and width ``(B, 4)`` of crops, whole numbers.

    As upstream draws them: areas and aspect ratios until one fits, the
    widest crop in the middle if none of ``max_attempts`` does.

    Args:
        transform: Of upstream.
        height: Of all images.
        width: Of all images.
        u: ``(B, columns)`` uniform numbers.
    """
    ratios = transform.aspect_ratio_range
    areas, aspects = np.split(u[:, 2:], 2, axis=1)  # (B, attempts)
    area = _between(areas, transform.crop_ratio_range) * (height * width)
    aspect = np.exp(_between(aspects, np.log(ratios)))
    across = np.rint(np.sqrt(area * aspect)).astype(int)
    down = np.rint(np.sqrt(area / aspect)).astype(int)
    fits = (across > 0) & (across <= width) & (down > 0) & (down <= height)
    rows, first = np.arange(len(u)), fits.argmax(1)
    down, across = down[rows, first], across[rows, first]
    none = ~fits[rows, first]
    if none.any():
        down[none], across[none] = _widest(height, width, ratios)
    # Below 1 in 2**53, rounding cannot reach the number of places.
    room = np.stack([height - down, width - across], axis=1)
    place = np.floor(u[:, :2] * (room + 1)).astype(int)
    place[none] = room[none] // 2
    return np.concatenate([place, down[:, None], across[:, None]], axis=1)


def _widest(height: int, width: int, ratios: Any) -> tuple[int, int]:
    ratio = width / height
    if ratio < min(ratios):
        return round(width / min(ratios)), width
    if ratio > max(ratios):
        return height, round(height * max(ratios))
    return height, width
