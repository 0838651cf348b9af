"""Views of images in memory, drawn and made a batch at a time."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmpretrain.datasets.transforms import MultiView, PackInputs
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import UserTypeError
from .addressed import keys_of
from .recipes import ViewRecipe, stranger

# Pixels of views that are made at once: few of them cost as much as these.
_AT_ONCE = 2**19
# Change no image from one time to the next.
_FIXED = ('ChannelOrder',)


class Samples(Sequence):
    """Data samples of a batch, made when somebody looks at them.

    Args:
        items: The samples, or what ``make`` makes them of.
        make: See there.
    """

    def __init__(
        self, items: Iterable, make: Callable[[Any], Any] | None = None
    ) -> None:
        self._items, self._make = list(items), make

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        if self._make is not None:
            self._items = [self._make(x) for x in self._items]
            self._make = None
        return self._items[index]


def why_not(dataset: Any) -> str:
    """Why a dataset's views cannot be made in batches; '' if they can."""
    if not isinstance(dataset, BaseDataset):
        return f'a {type(dataset).__name__} around the dataset'
    transforms = getattr(dataset.pipeline, 'transforms', [])
    views = [x for x in transforms if type(x) is MultiView]
    if len(views) != 1:
        return 'a pipeline without one MultiView'
    place = transforms.index(views[0])
    for transform in transforms[:place]:
        if type(transform).__name__ not in _FIXED:
            return type(transform).__name__
    if [type(x) for x in transforms[place + 1 :]] != [PackInputs]:
        return 'something else than PackInputs after MultiView'
    for pipeline in views[0].pipelines:
        if found := stranger(list(pipeline.transforms)):
            return found
    if not len(dataset) or 'img' not in dataset.get_data_info(0):
        return 'images that are not in memory'
    return ''


class BatchViews(Dataset):
    """A dataset whose batches come whole, and what makes their views.

    Args:
        dataset: As :func:`why_not` accepts it.
        device: Where views are made.

    Raises:
        TypeError: Images are not of three channels of uint8 and of one size.
    """

    def __init__(self, dataset: BaseDataset, device: torch.device) -> None:
        self.dataset = dataset
        self.metainfo = dataset.metainfo
        transforms = dataset.pipeline.transforms
        [views] = [x for x in transforms if type(x) is MultiView]
        place = transforms.index(views)
        [self._pack] = transforms[place + 1 :]
        self._infos: list[dict] = []
        images = []
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            for transform in transforms[:place]:
                info = transform(info)
            images.append(info.pop('img'))
            self._infos.append(info)
        shapes = {(x.shape, str(x.dtype)) for x in images}
        (shape, dtype), *others = shapes
        if others or len(shape) != 3 or shape[2] != 3 or dtype != 'uint8':
            raise UserTypeError(
                'mmdcl.BatchViewsHook needs images of three channels of uint8 '
                f'and of one size, got {sorted(shapes)[:3]}; set '
                '`default_hooks.views.batched=False`'
            )
        # Rows lie together: they are what crops are made of first.
        pool = torch.from_numpy(np.stack(images)).permute(0, 1, 3, 2)
        pool = pool.contiguous().to(device)
        self._recipes, start = [], 0
        for pipeline, number in zip(
            views.pipelines, views.num_views, strict=True
        ):
            here = range(start, start + number)
            transforms = list(pipeline.transforms)
            self._recipes.append(ViewRecipe(transforms, here, pool))
            start += number

    def __len__(self) -> int:
        return len(self.dataset)

    def ahead(self, images: int) -> int:
        """How many batches of so many images are made at once."""
        pixels = images * sum(recipe.pixels() for recipe in self._recipes)
        return max(1, _AT_ONCE // max(1, pixels))

    def __getitems__(self, addresses: list) -> dict:
        """A batch, as `inputs` what :meth:`views` makes its views of."""
        numbers = [x[-1] if isinstance(x, tuple) else x for x in addresses]
        samples = Samples(numbers, self._sample)
        return dict(inputs=addresses, data_samples=samples)

    def views(self, addresses: list) -> list[Tensor]:
        """All views ``(B, C, H, W)`` of a batch, in float32.

        Args:
            addresses: As of :func:`~mmdcl.views.addressed.keys_of`.
        """
        [views] = self.of([addresses])()
        return views

    def of(self, batches: list[list]) -> Callable[[], list[list[Tensor]]]:
        """What makes the views of some batches together, once.

        What they draw from is settled here; the rest may be done in any
        thread.
        """
        addresses = [x for batch in batches for x in batch]
        images = np.array(addresses).reshape(len(addresses), -1)[:, -1]
        sizes = [len(batch) for batch in batches]
        return cache(partial(self._made, images, keys_of(addresses), sizes))

    @torch.no_grad()
    def _made(
        self, images: np.ndarray, keys: np.ndarray, sizes: list[int]
    ) -> list[list[Tensor]]:
        views = [
            view.split(sizes)
            for recipe in self._recipes
            for view in recipe.make(images, keys)
        ]
        return [list(of_batch) for of_batch in zip(*views, strict=True)]

    def _sample(self, index: int) -> Any:
        return self._pack(dict(self._infos[index]))['data_samples']
