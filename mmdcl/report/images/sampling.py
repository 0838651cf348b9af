"""The images of a split, or some of them, each by a seed of its own."""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ...engine.channel_check import channel_order
from ...engine.class_check import leaves
from ...errors import UserValueError
from .seeding import seed_of, seeded
from .thumbnails import thumbnail

_BATCH = 64
_FEW = 512  # images that no worker is started for
_SECONDS = 4  # between lines of progress


class Item(NamedTuple):
    """An image as the pipeline gives it.

    Attributes:
        views: One or several, each ``(C, H, W)``.
        thumbnails: Of them, uint8 RGB ``(h, w, 3)``.
        label: Its class, if it has exactly one.
        file: What a user knows it by.
    """

    views: list[Tensor]
    thumbnails: list[np.ndarray]
    label: int | None
    file: str


def require_images(images: int) -> None:
    if images < 2:
        raise UserValueError(
            f'a picture compares images and needs at least 2, got {images}; '
            'give more by --images'
        )


class Sample(Dataset):
    """Images of a dataset, drawn by a seed, in the order of the dataset.

    What an image looks like after a random pipeline depends on the seed and
    on the image, not on what was looked at before or in which process.

    Args:
        dataset: Built, with a pipeline that packs inputs.
        images: At most so many.
        seed: Of what is drawn.
        views: How many a pipeline that gives one view is asked for.
        turned: The network turns channels around: what an image comes in
            where the dataset does not say it.
    """

    def __init__(
        self,
        dataset: Any,
        images: int,
        seed: int = 0,
        views: int = 1,
        turned: bool = False,
    ) -> None:
        self.leaves = list(leaves(dataset))
        for leaf in self.leaves:
            if hasattr(leaf, 'full_init'):
                leaf.full_init()
        lengths = [len(leaf) for leaf in self.leaves]
        self.begins = [0, *accumulate(lengths)]
        self.total = self.begins[-1]
        self.seed, self.views = seed, views
        self.chosen = draw(self.total, images, seed)
        otherwise = 'bgr' if turned else 'rgb'
        self.orders = [channel_order(x) or otherwise for x in self.leaves]

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Their names, where they are known."""
        about = getattr(self.leaves[0], 'metainfo', None)
        names = about.get('classes') if isinstance(about, Mapping) else None
        return tuple(map(str, names)) if names else None

    def __len__(self) -> int:
        return len(self.chosen)

    def place(self, number: int) -> tuple[int, int]:
        """Which dataset an image is of, and its index there."""
        which = bisect_right(self.begins, number) - 1
        return which, number - self.begins[which]

    def __getitem__(self, position: int) -> Item | None:
        """The image; ``None`` if it cannot be read."""
        number = self.chosen[position]
        which, index = self.place(number)
        packed = self._packed(which, index, seed_of(self.seed, number))
        if packed is None:
            return None
        views = packed['inputs']
        views = list(views) if isinstance(views, (list, tuple)) else [views]
        while len(views) < self.views:
            again = seed_of(self.seed, number, len(views))
            views.append(self._packed(which, index, again)['inputs'])
        views = views[: self.views]
        thumbnails = [thumbnail(x, self.orders[which]) for x in views]
        label = _label(packed.get('data_samples'))
        return Item(views, thumbnails, label, self.file(which, index))

    def _packed(self, which: int, index: int, seed: int) -> Any:
        leaf = self.leaves[which]
        with seeded(seed):
            read = getattr(leaf, 'prepare_data', leaf.__getitem__)
            return read(index)

    def file(self, which: int, index: int) -> str:
        leaf = self.leaves[which]
        named = hasattr(leaf, 'get_data_info')
        path = leaf.get_data_info(index).get('img_path') if named else None
        if not path:
            return f'number {index}'
        root = Path(getattr(leaf, 'data_root', None) or '.').absolute()
        absolute = Path(path).absolute()
        below = absolute.is_relative_to(root)
        return str(absolute.relative_to(root)) if below else str(path)


def draw(total: int, images: int, seed: int) -> list[int]:
    """``images`` of ``total`` numbers in their order, or all of them."""
    if total <= images:
        return list(range(total))
    drawn = np.random.default_rng(seed).choice(total, images, replace=False)
    return sorted(drawn.tolist())


def batches(
    sample: Sample,
    workers: int = 0,
    tell: Callable[[str], None] | None = None,
    size: int = _BATCH,
) -> Iterator[list[Item]]:
    """All images that can be read; those of a batch are of one size.

    Args:
        sample: What is looked at.
        workers: Processes that read a large sample.
        tell: Told now and then how far it is, where it takes seconds.
        size: Images of a batch.
    """
    few = len(sample) <= _FEW
    loader = DataLoader(
        sample,
        batch_size=size,
        collate_fn=list,
        num_workers=0 if few else min(workers, os.cpu_count() or 1),
        generator=torch.Generator(),  # else it draws from the common one
    )
    done, said = 0, monotonic()
    for batch in loader:
        done += len(batch)
        items = [item for item in batch if item is not None]
        sizes = {tuple(x.shape for x in item.views) for item in items}
        if len(sizes) > 1:
            yield from ([item] for item in items)
        elif items:
            yield items
        if tell and monotonic() - said > _SECONDS and done < len(sample):
            said = monotonic()
            tell(f'looked at {done:,} of {len(sample):,} images')


def _label(data_sample: Any) -> int | None:
    label = getattr(data_sample, 'gt_label', None)
    single = isinstance(label, Tensor) and label.numel() == 1
    return int(label) if single else None
