"""One kind of view, of a batch of images: what is drawn and what is done."""

import numpy as np
import torch
from mmcv.transforms import RandomFlip
from mmpretrain.datasets.transforms import RandomResizedCrop
from torch import Tensor

from . import batched
from .addressed import uniforms
from .crops import FILTERS, Crops, rotated
from .operators import FLIPS, Step, apply_in_place, sent

# Pixels that an operator goes through in one call.
_IN_A_CALL = 2**18


class ViewRecipe:
    """One kind of view: a crop, then turns, then what operators do.

    Args:
        transforms: Of upstream, built.
        numbers: Which of an image's views are of this kind.
        pool: ``(N, H, C, W)`` uint8, all images.
    """

    def __init__(self, transforms: list, numbers: range, pool: Tensor) -> None:
        self.numbers = numbers
        self.crop, *rest = transforms
        self._crops = Crops(
            pool,
            tuple(self.crop.scale),
            FILTERS[self.crop.backend, self.crop.interpolation],
        )
        self.turns = []
        if rest and type(rest[0]) is RandomFlip:
            self.flip, *rest = rest  # costs nothing in a crop
        else:
            self.flip = None
        while rest and batched.can_rotate(rest[0]):
            self.turns.append(rest.pop(0))
        self.flips = batched.in_turn([self.flip] if self.flip else [])
        self.rest = batched.in_turn(rest)
        self.widths = [
            batched.crop_columns(self.crop),
            self.flips.columns,
            3 * len(self.turns),
            self.rest.columns,
        ]

    def make(self, images: np.ndarray, keys: np.ndarray) -> list[Tensor]:
        """Views ``(B, C, H, W)`` of images, in float32.

        Args:
            images: ``(B,)`` which ones.
            keys: ``(B,)`` what they draw from.
        """
        number = len(self.numbers)
        drawn = uniforms(keys, self.numbers, sum(self.widths))
        crop, flip, turn, rest = np.split(
            drawn, np.cumsum(self.widths[:-1]), axis=1
        )
        pool = self._crops.pool
        windows = batched.crop_windows(
            self.crop, pool.shape[1], pool.shape[3], crop
        )
        kinds = self.flips.draw(flip)[:, :, 0].astype(int)
        flipped = np.zeros((2, len(drawn)), bool)
        for step, dims in FLIPS.items():
            for dim in dims:
                flipped[dim - 2] |= (kinds == step).any(1)
        angles = [
            batched.rotation(transform, turn[:, 3 * i : 3 * i + 3])
            for i, transform in enumerate(self.turns)
        ]
        steps = self.rest.draw(rest)
        images = np.tile(images, number)
        done = torch.empty(
            (len(images), pool.shape[2], *self._crops.out), device=pool.device
        )
        # Next to each other are those that do something in the same slots.
        busy = steps[..., 0] != Step.NOTHING
        order = np.argsort(busy @ 0.5 ** np.arange(busy.shape[1]))
        at_once = max(1, _IN_A_CALL // (done.shape[2] * done.shape[3]))
        for start in range(0, len(images), at_once):
            here = order[start : start + at_once]
            part = self._crops(images[here], windows[here], flipped[:, here])
            for transform, angle in zip(self.turns, angles, strict=True):
                part = rotated(part, angle[here], transform.pad_val)
            apply_in_place(part, steps[here], bgr=True)
            done.index_copy_(0, sent(here, pool.device), part)
        return list(done.split(len(keys)))

    def pixels(self) -> int:
        """Of an image's views of this kind."""
        height, width = self.crop.scale
        return len(self.numbers) * height * width


def stranger(transforms: list) -> str:
    """Name of what a batch at a time cannot be done to; '' if all can."""
    if not transforms or type(transforms[0]) is not RandomResizedCrop:
        return 'a view that does not begin with RandomResizedCrop'
    crop, *rest = transforms
    if (crop.backend, crop.interpolation) not in FILTERS:
        return (
            f'RandomResizedCrop with backend={crop.backend!r} and '
            f'interpolation={crop.interpolation!r}'
        )
    if rest and type(rest[0]) is RandomFlip:
        rest.pop(0)
    while rest and batched.can_rotate(rest[0]):
        rest.pop(0)
    unknown = (type(x).__name__ for x in rest if not batched.can_draw(x))
    return next(unknown, '')
