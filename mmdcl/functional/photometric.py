"""Flips, colours and blur of a batch, each image with its own parameters.

Pixels are float32 in [0, 255]. Each operator equals torchvision's functional
of the same name, on an image at a time, without rounding to integers. They
change ``images`` in place and return nothing, wait for no accelerator, and
what they do to an image does not depend on the rest of the batch.

Letters: ``B`` images, ``H`` and ``W`` pixels, ``L`` steps of an image.
"""

from collections.abc import Iterator
from enum import IntEnum

import torch
import torch.nn.functional as F
from torch import Tensor

# Weights of red, green and blue in brightness (ITU-R 601).
LUMA = (0.2989, 0.587, 0.114)
_WHITE = 255.0
# A Gaussian is cut off at that many standard deviations.
_CUT = 4
# Pixels that a CPU works on at a time: they stay in its cache.
_CACHED = 2**16


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


def _gray(images: Tensor, weights: Tensor) -> Tensor:
    """``(B, 1, H, W)`` of ``(B, 3, H, W)`` by ``weights`` (3,) or (B, 3)."""
    red, green, blue = weights.view(-1, 3, 1, 1, 1).unbind(1)
    gray: Tensor = images[:, :1] * red
    gray.addcmul_(images[:, 1:2], green).addcmul_(images[:, 2:], blue)
    return gray


def adjust_brightness(images: Tensor, factor: Tensor) -> None:
    """Blend ``(B, 3, H, W)`` images with black; 1 changes nothing."""
    images.mul_(factor.view(-1, 1, 1, 1)).clamp_(0, _WHITE)


def adjust_contrast(images: Tensor, factor: Tensor, luma: Tensor) -> None:
    """Blend images with the mean of their brightness."""
    mean = (images.mean((2, 3)) * luma).sum(1)
    images.mul_(factor.view(-1, 1, 1, 1))
    images.add_(((1 - factor) * mean).view(-1, 1, 1, 1)).clamp_(0, _WHITE)


def adjust_saturation(images: Tensor, factor: Tensor, luma: Tensor) -> None:
    """Blend images with their grayscale."""
    factor = factor.view(-1, 1, 1, 1)
    gray = _gray(images, luma).mul_(1 - factor)
    images.mul_(factor).add_(gray).clamp_(0, _WHITE)


def adjust_hue(images: Tensor, shift: Tensor) -> None:
    """Turn the hue of RGB images by a share of the circle.

    Of BGR images by ``-shift``: red and blue exchanged mirror the circle.
    """
    red, green, blue = images.unbind(1)  # (B, H, W)
    high = images.amax(1)
    chroma = high - images.amin(1)
    sixth = 1 / chroma.clamp(min=1e-6)
    hue = torch.where(
        high == red,
        (green - blue) * sixth,
        torch.where(
            high == green,
            (blue - red).mul_(sixth).add_(2),
            (red - green).mul_(sixth).add_(4),
        ),
    )  # in sixths of the circle; zero without chroma
    hue += 6 * shift.view(-1, 1, 1)
    for channel, start in zip((red, green, blue), (5, 3, 1), strict=True):
        # How far the channel is below the highest one, in [0, 1].
        k = (hue + start).remainder_(6)
        k = torch.minimum(k, 4 - k).clamp_(0, 1)
        torch.addcmul(high, k, chroma, value=-1, out=channel)


def to_grayscale(images: Tensor, weights: Tensor) -> None:
    """Replace channels by their mean under ``weights`` (B, 3)."""
    images.copy_(_gray(images, weights).expand_as(images))


def solarize(images: Tensor, threshold: Tensor) -> None:
    """Invert the values that are not below ``threshold`` (B,)."""
    keep = images < threshold.view(-1, 1, 1, 1)
    torch.where(keep, images, _WHITE - images, out=images)


def gaussian_blur(images: Tensor, sigma: Tensor, largest: float) -> None:
    """Blur each image by its own ``sigma`` (B,), reflected at the border.

    Args:
        images: ``(B, 3, H, W)``.
        sigma: Standard deviations, in pixels.
        largest: At least their maximum, known without asking the device.
    """
    batch, channels, height, width = images.shape
    radius = min(int(_CUT * largest + 0.5), height - 1, width - 1)
    if radius < 1:
        return
    place = torch.arange(-radius, radius + 1, device=images.device)
    sigma = sigma.view(-1, 1).clamp(min=1e-6)  # zero changes nothing
    kernel = torch.exp(-0.5 * (place / sigma) ** 2)
    kernel *= place.abs() <= _CUT * sigma + 0.5  # as if it were alone
    kernel /= kernel.sum(1, keepdim=True)
    kernel = kernel.repeat_interleave(channels, 0)  # (3B, taps)
    planes = images.reshape(1, batch * channels, height, width)
    planes = F.pad(planes, (radius,) * 4, mode='reflect')
    groups = batch * channels
    planes = F.conv2d(planes, kernel[:, None, None], groups=groups)
    planes = F.conv2d(planes, kernel[:, None, :, None], groups=groups)
    images.copy_(planes.view_as(images))


def _do(
    step: Step, images: Tensor, values: Tensor, largest: float, luma: Tensor
) -> None:
    """One step of some images, their parameters ``values`` (B, 3)."""
    value = values[:, 0]
    if step in FLIPS:
        images.copy_(images.flip(FLIPS[step]))
    elif step == Step.BRIGHTNESS:
        adjust_brightness(images, value)
    elif step == Step.CONTRAST:
        adjust_contrast(images, value, luma)
    elif step == Step.SATURATION:
        adjust_saturation(images, value, luma)
    elif step == Step.HUE:
        adjust_hue(images, value)
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


def _apply(images: Tensor, steps: Tensor, luma: Tensor) -> None:
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
            _do(step, images, values[:, slot, 1:], largest, luma)
        else:
            part = images[index]
            _do(step, part, values[index, slot, 1:], largest, luma)
            images.index_copy_(0, index, part)


@torch.no_grad()
def apply_steps(
    images: Tensor,
    steps: Tensor,
    luma: tuple[float, float, float] = LUMA,
) -> Tensor:
    """Do to each image what its own steps say, in their order.

    Args:
        images: ``(B, 3, H, W)``, values in [0, 255], on any device.
        steps: ``(B, L, 4)`` float32 in the memory of the host: a
            :class:`Step` and its parameters, see there.
        luma: Weights of the channels in brightness.

    Returns:
        ``(B, 3, H, W)`` float32; ``images`` are left as they are.

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
        weights = torch.tensor(luma).to(images.device, non_blocking=True)
        at_once = len(images)
        if on_cpu:
            at_once = max(1, _CACHED // (images.shape[2] * images.shape[3]))
        for part, program in zip(
            torch.split(done, at_once),
            torch.split(steps, at_once),
            strict=True,
        ):
            _apply(part, program, weights)
    return done
