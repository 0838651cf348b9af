"""Flips, colours and blur of a batch, each image with its own parameters.

Pixels are float32, whole levels from 0 to 255. Each operator does to an image
what Pillow does to it in uint8, rounding included: a blend cuts off what is
behind the point, so that three of them in floats would be a level brighter.
Hue goes through Pillow's bytes of hue and saturation, and blur is its three
passes of a box, rounded once instead of after each. Operators change
``images`` in place and return nothing, wait for no accelerator, and what they
do to an image does not depend on the rest of the batch (a blur may round a
pixel in a thousand to the next level).

Letters: ``B`` images, ``H`` and ``W`` pixels, ``L`` steps of an image.
"""

import math
from collections.abc import Iterator
from enum import IntEnum, unique
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# Red, green and blue in brightness (ITU-R 601), in 65,536ths as in Pillow:
# sums of levels have 24 bits, which float32 holds.
_LUMA = (19595 / 2**16, 38470 / 2**16, 7471 / 2**16)
_WHITE = 255.0
_PASSES = 3  # of a box in a blur
# Rounding of float32 must not cut a level off what is gray already.
_SLACK = 2e-4
# Pixels that a CPU works on at a time: they stay in its cache.
_CACHED = 2**16
# A blend of a larger share of the images leaves the others as they are, by
# factor 1; of a smaller one it is done to a copy.
_FEW = 0.6


@unique
class Step(IntEnum):
    """What is done to an image, and what its parameters are.

    ``HUE`` takes a share of the circle in [-0.5, 0.5], ``GRAYSCALE`` the
    weights of the three channels, ``BLUR`` a standard deviation in pixels,
    ``SOLARIZE`` the lowest value that is inverted; flips take nothing and the
    others a factor >= 0.
    """

    NOTHING = 0
    HORIZONTAL_FLIP = 1
    VERTICAL_FLIP = 2
    DIAGONAL_FLIP = 3
    BRIGHTNESS = 4
    CONTRAST = 5
    SATURATION = 6
    HUE = 7
    GRAYSCALE = 8
    BLUR = 9
    SOLARIZE = 10


_BLENDS = (Step.BRIGHTNESS, Step.CONTRAST, Step.SATURATION)
FLIPS = {
    Step.HORIZONTAL_FLIP: (3,),
    Step.VERTICAL_FLIP: (2,),
    Step.DIAGONAL_FLIP: (2, 3),
}


def _planes(images: Tensor, bgr: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Red, green and blue ``(B, H, W)``, views of the images."""
    first, green, last = images.unbind(1)
    return (last, green, first) if bgr else (first, green, last)


def _luma(images: Tensor, bgr: bool) -> Tensor:
    """Brightness ``(B, 1, H, W)``, rounded to levels."""
    red, green, blue = _planes(images, bgr)
    gray = red * _LUMA[0]
    gray.add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])
    return gray.add_(0.5).floor_().unsqueeze(1)


def blend(images: Tensor, parts: Tensor, bgr: bool) -> None:
    """Brightness, contrast and saturation, of each image one of them.

    From black, from the mean of the brightness (a whole level) or from the
    brightness of each pixel, at factor 0, over the image at 1, and beyond.

    Args:
        images: ``(B, 3, H, W)``.
        parts: ``(3, B)``: the factor, how much of the mean and how much of
            the brightness is in what is blended with.
        bgr: As in :func:`apply_steps`.
    """
    factor, mean, own = parts.reshape(3, -1, 1, 1, 1)
    other = _luma(images, bgr)
    level = other.mean((1, 2, 3), keepdim=True).add_(0.5).floor_()
    other.mul_(own).add_(level.mul_(mean))
    torch.lerp(other, images, factor, out=images)
    images.clamp_(0, _WHITE).floor_()


@cache
def _places(device: torch.device, bgr: bool) -> Tensor:
    """Sixths of the circle opposite to red, and at green and blue."""
    places = torch.tensor([3.0, 2.0, 4.0])
    places = places.flip(0) if bgr else places
    return places.view(3, 1, 1).to(device)


def adjust_hue(images: Tensor, shift: Tensor, bgr: bool) -> None:
    """Turn the hue by a share of the circle, to one of 255 places."""
    red, green, blue = _planes(images, bgr)
    high = torch.maximum(torch.maximum(red, green), blue)
    chroma = high - torch.minimum(torch.minimum(red, green), blue)
    depth = chroma / high.clamp(min=1)  # saturation, to begin with
    depth.mul_(_WHITE).floor_()
    chroma.clamp_(min=1)
    # Masks are floats: `where` costs twenty times of anything else here.
    mask = torch.empty_like(chroma)
    hue = torch.lerp(
        (red - green).add_(chroma, alpha=4),
        (blue - red).add_(chroma, alpha=2),
        torch.eq(high, green, out=mask),
    )
    torch.lerp(hue, green - blue, torch.eq(high, red, out=mask), out=hue)
    hue.div_(chroma).mul_(_WHITE / 6)
    hue.add_(torch.lt(hue, 0, out=mask), alpha=_WHITE).floor_()
    hue += (shift * _WHITE).trunc_().view(-1, 1, 1)
    hue.sub_(torch.div(hue, 256, out=mask).floor_(), alpha=256)
    hue.mul_(6 / _WHITE)  # in sixths of the circle
    # By how much the lowest channel is below the highest. Green and blue are
    # down there from two sixths off their own on, red near the opposite.
    depth.mul_(high).div_(_WHITE)
    down = (hue.unsqueeze(1) - _places(hue.device, bgr)).abs_().clamp_(1, 2)
    own = down.unbind(1)[::-1] if bgr else down.unbind(1)
    top = (high + depth).add_(0.5)
    torch.addcmul(top, own[1], depth, value=-1, out=green)
    torch.addcmul(top, own[2], depth, value=-1, out=blue)
    bottom = high.sub_(depth, alpha=2).add_(0.5)
    torch.addcmul(bottom, own[0], depth, out=red)
    images.floor_()


def to_grayscale(images: Tensor, weights: Tensor) -> None:
    """Replace channels by their mean under ``weights`` (B, 3), cut off."""
    gray = (images * weights.view(-1, 3, 1, 1)).sum(1, keepdim=True)
    images.copy_(gray.add_(_SLACK).floor_().expand_as(images))


def solarize(images: Tensor, threshold: Tensor) -> None:
    """Invert the values that are not below ``threshold`` (B,)."""
    keep = images < threshold.view(-1, 1, 1, 1)
    torch.where(keep, images, _WHITE - images, out=images)


def blur_box(sigma: Tensor, reach: int) -> Tensor:
    """Box ``(B, 2 * reach + 1)`` of which passes spread like a Gaussian.

    Whole weights, and at both ends the fraction that makes the variance
    right (Gwosdek et al., Theoretical Foundations of Gaussian Convolution by
    Extended Box Filtering, 2011).
    """
    variance = sigma.view(-1, 1) ** 2 / _PASSES
    whole = ((torch.sqrt(12 * variance + 1) - 1) / 2).floor()
    end = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    end = end / (6 * (variance - (whole + 1) ** 2))
    place = torch.arange(-reach, reach + 1, device=sigma.device).abs()
    box = (place <= whole) + end * (place == whole + 1)
    return box / (2 * (whole + end) + 1)


def gaussian_blur(images: Tensor, sigma: Tensor, largest: float) -> None:
    """Blur each image by its own ``sigma`` (B,); borders are continued.

    Args:
        images: ``(B, 3, H, W)``.
        sigma: Standard deviations, in pixels.
        largest: At least their maximum, known without asking the device.
    """
    batch, channels, height, width = images.shape
    widest = math.sqrt(12 * largest**2 / _PASSES + 1)
    reach = int((widest - 1) / 2) + 1
    box = blur_box(sigma, reach)
    kernel = box[None]
    for _ in range(_PASSES - 1):
        kernel = F.conv1d(
            kernel, box[:, None], padding=2 * reach, groups=batch
        )
    radius = kernel.shape[-1] // 2
    kernel = kernel[0].repeat_interleave(channels, 0)  # (3B, taps)
    planes = images.reshape(1, batch * channels, height, width)
    planes = F.pad(planes, (radius,) * 4, mode='replicate')
    groups = batch * channels
    planes = F.conv2d(planes, kernel[:, None, None], groups=groups)
    planes = F.conv2d(planes, kernel[:, None, :, None], groups=groups)
    images.copy_(planes.add_(0.5).floor_().view_as(images))


def _do(
    step: Step, images: Tensor, values: Tensor, largest: float, bgr: bool
) -> None:
    """One step of some images, their parameters ``values`` (B, 3)."""
    value = values[:, 0]
    if step in FLIPS:
        images.copy_(images.flip(FLIPS[step]))
    elif step == Step.HUE:
        adjust_hue(images, value, bgr)
    elif step == Step.GRAYSCALE:
        to_grayscale(images, values)
    elif step == Step.BLUR:
        gaussian_blur(images, value, largest)
    else:
        solarize(images, value)


class _Group(NamedTuple):
    """Images that one call of an operator is for.

    Attributes:
        slot: Of the steps.
        step: What is done; None is all blends.
        index: Of the images, in order.
        largest: Of their first parameters.
    """

    slot: int
    step: Step | None
    index: np.ndarray
    largest: float


def _groups(steps: np.ndarray) -> Iterator[_Group]:
    """Groups of ``(B, L, 4)`` in the order in which they are done."""
    kinds, values = steps[..., 0].T.astype(int), steps[..., 1].T
    kinds[np.isin(kinds, _BLENDS)] = _BLENDS[0]
    for slot, here in enumerate(kinds):
        for kind in np.flatnonzero(np.bincount(here)).tolist():
            if kind != Step.NOTHING:
                step = None if kind == _BLENDS[0] else Step(kind)
                index = np.flatnonzero(here == kind)
                yield _Group(slot, step, index, values[slot, index].max())


def _parts(steps: np.ndarray) -> np.ndarray:
    """``(L, 3, B)`` of steps ``(B, L, 4)``: what `blend` takes of each."""
    kinds = steps[..., 0].T
    blends = np.isin(kinds, _BLENDS)
    parts = np.ones((len(kinds), 3, len(steps)), np.float32)
    parts[:, 0][blends] = steps[..., 1].T[blends]
    parts[:, 1] = kinds == Step.CONTRAST
    parts[:, 2] = kinds == Step.SATURATION
    return parts


def sent(array: np.ndarray, device: torch.device) -> Tensor:
    """To a device, for which the host need not wait."""
    here = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == 'cuda':
        here = here.pin_memory()
    return here.to(device, non_blocking=True)


def apply_in_place(images: Tensor, steps: np.ndarray, bgr: bool) -> None:
    device = images.device
    groups = list(_groups(steps))
    if not groups:
        return
    values, parts = sent(steps, device), sent(_parts(steps), device)
    indices = torch.split(
        sent(np.concatenate([group.index for group in groups]), device),
        [len(group.index) for group in groups],
    )
    for group, index in zip(groups, indices, strict=True):
        slot, step, here, largest = group
        first, last = here[0], here[-1] + 1
        together = last - first == len(here)
        if step is None and len(here) > _FEW * (last - first):
            blend(images[first:last], parts[slot, :, first:last], bgr)
            continue
        some = slice(first, last) if together else index
        part = images[some]  # a view, if they are together
        if step is None:
            blend(part, parts[slot, :, some], bgr)
        else:
            _do(step, part, values[some, slot, 1:], largest, bgr)
        if not together:
            images.index_copy_(0, index, part)


@torch.no_grad()
def apply_steps(images: Tensor, steps: Tensor, bgr: bool = False) -> Tensor:
    """Do to each image what its own steps say, in their order.

    Args:
        images: ``(B, 3, H, W)``, whole levels from 0 to 255, on any device.
        steps: ``(B, L, 4)`` float32 in the memory of the host: a
            :class:`Step` and its parameters, see there.
        bgr: Channels are blue, green, red instead of red, green, blue.

    Returns:
        ``(B, 3, H, W)`` float32, whole levels; ``images`` are left as they
        are.

    Raises:
        ValueError: Shapes do not fit.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f'`images` must be (B, 3, H, W), got {tuple(images.shape)}'
        )
    if steps.ndim != 3 or steps.shape[0::2] != (len(images), 4):
        raise ValueError(
            f'`steps` must be (B, L, 4) with B = {len(images)}, got '
            f'{tuple(steps.shape)}'
        )
    with torch.autocast(images.device.type, enabled=False):
        done = torch.empty(images.shape, device=images.device)
        done.copy_(images)
        at_once = max(1, len(done))
        if done.device.type == 'cpu':
            at_once = max(1, _CACHED // (done.shape[2] * done.shape[3]))
        for start in range(0, len(done), at_once):
            here = slice(start, start + at_once)
            apply_in_place(done[here], steps[here].numpy(), bgr)
    return done
