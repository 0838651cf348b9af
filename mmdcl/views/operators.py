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

import torch
import torch.nn.functional as F
from torch import Tensor

# Red, green and blue in brightness (ITU-R 601), in 65,536ths as in Pillow:
# sums of levels stay below 2**24, where float32 holds whole numbers.
_LUMA = (19595, 38470, 7471)
_WHITE = 255.0
_PASSES = 3  # of a box in a blur
# Rounding of float32 must not cut a level off what is gray already.
_SLACK = 2e-4
# Pixels that a CPU works on at a time: they stay in its cache.
_CACHED = 2**16


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
    return gray.add_(2**15).mul_(2**-16).floor_().unsqueeze(1)


def _blend(images: Tensor, other: Tensor | float, factor: Tensor) -> None:
    """From ``other`` at factor 0 over the images at 1 and beyond."""
    images.sub_(other).mul_(factor.view(-1, 1, 1, 1)).add_(other)
    images.clamp_(0, _WHITE).floor_()


def adjust_brightness(images: Tensor, factor: Tensor) -> None:
    """Blend ``(B, 3, H, W)`` images with black; 1 changes nothing."""
    _blend(images, 0.0, factor)


def adjust_contrast(images: Tensor, factor: Tensor, bgr: bool) -> None:
    """Blend images with the mean of their brightness, a whole level."""
    mean = _luma(images, bgr).mean((1, 2, 3), keepdim=True)
    _blend(images, mean.add_(0.5).floor_(), factor)


def adjust_saturation(images: Tensor, factor: Tensor, bgr: bool) -> None:
    """Blend images with their brightness."""
    _blend(images, _luma(images, bgr), factor)


def adjust_hue(images: Tensor, shift: Tensor, bgr: bool) -> None:
    """Turn the hue by a share of the circle, to one of 255 places."""
    red, green, blue = _planes(images, bgr)
    high = images.amax(1)
    chroma = high - images.amin(1)
    saturation = (chroma / high.clamp(min=1)).mul_(_WHITE).floor_()
    chroma.clamp_(min=1)
    hue = torch.where(
        high == red,
        (green - blue).div_(chroma),
        torch.where(
            high == green,
            (blue - red).div_(chroma).add_(2),
            (red - green).div_(chroma).add_(4),
        ),
    ).mul_(_WHITE / 6)
    hue = torch.where(hue < 0, hue + _WHITE, hue).floor_()
    hue += (shift * _WHITE).trunc_().view(-1, 1, 1)
    hue.remainder_(256).mul_(6 / _WHITE)  # in sixths of the circle
    # By how much the lowest channel is below the highest.
    depth = saturation.mul_(high).div_(_WHITE)
    for plane, start in zip((red, green, blue), (5, 3, 1), strict=True):
        k = (hue + start).remainder_(6)
        k = torch.minimum(k, 4 - k).clamp_(0, 1)
        torch.addcmul(high, k, depth, value=-1, out=plane)
        plane.add_(0.5).floor_()


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
    elif step == Step.BRIGHTNESS:
        adjust_brightness(images, value)
    elif step == Step.CONTRAST:
        adjust_contrast(images, value, bgr)
    elif step == Step.SATURATION:
        adjust_saturation(images, value, bgr)
    elif step == Step.HUE:
        adjust_hue(images, value, bgr)
    elif step == Step.GRAYSCALE:
        to_grayscale(images, values)
    elif step == Step.BLUR:
        gaussian_blur(images, value, largest)
    else:
        solarize(images, value)


def _groups(steps: Tensor) -> Iterator[tuple[int, Step, Tensor]]:
    """Images of ``(B, L, 4)`` that share a step: slot, step, their index."""
    kinds = steps[..., 0].long()
    for slot in range(steps.shape[1]):
        for kind in sorted(set(kinds[:, slot].tolist())):
            if kind != Step.NOTHING:
                index = (kinds[:, slot] == kind).nonzero()[:, 0]
                yield slot, Step(kind), index


def _apply(images: Tensor, steps: Tensor, bgr: bool) -> None:
    device = images.device
    groups = list(_groups(steps))
    if not groups:
        return
    # One copy for all of them, which the host does not wait for.
    numbers = torch.cat([index for *_, index in groups])
    if device.type == 'cuda':
        numbers = numbers.pin_memory()
    indices = torch.split(
        numbers.to(device, non_blocking=True),
        [len(index) for *_, index in groups],
    )
    values = steps.to(device, non_blocking=True)
    for (slot, step, here), index in zip(groups, indices, strict=True):
        largest = float(steps[here, slot, 1].max())
        if len(here) == len(images):
            _do(step, images, values[:, slot, 1:], largest, bgr)
        else:
            part = images[index]
            _do(step, part, values[index, slot, 1:], largest, bgr)
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
    on_cpu = images.device.type == 'cpu'
    with torch.autocast(images.device.type, enabled=False):
        done = torch.empty(images.shape, device=images.device)
        done.copy_(images)
        at_once = len(images)
        if on_cpu:
            at_once = max(1, _CACHED // (images.shape[2] * images.shape[3]))
        for part, program in zip(
            torch.split(done, at_once),
            torch.split(steps, at_once),
            strict=True,
        ):
            _apply(part, program, bgr)
    return done
