"""How many images the batches of a dataloader will have."""

from typing import NamedTuple

from mmengine.dataset import InfiniteSampler
from mmengine.dist import all_gather_object
from torch.utils.data import BatchSampler, DataLoader, IterableDataset

from .addresses import indices_of, sampler_of


class Batches(NamedTuple):
    """Of an epoch of this process, numbers.

    Attributes:
        steps: Batches.
        last: Images of the last one.
        size: Of the others.
        images: All.
    """

    steps: int
    last: int
    size: int
    images: int


def batches_of(loader: DataLoader) -> Batches | None:
    """What is known beforehand; None of streams and of batches of any size."""
    batches = loader.batch_sampler
    size = getattr(batches, 'batch_size', None)
    if not size or isinstance(loader.dataset, IterableDataset):
        return None
    images, full = len(sampler_of(loader)), True
    rest = images % size
    if rest and not getattr(batches, 'drop_last', False):
        full = isinstance(sampler_of(loader), InfiniteSampler)
    return Batches(len(loader), size if full else rest, size, images)


def are_equal(loader: DataLoader) -> bool:
    """Whether all processes hold as many images in every batch, surely.

    Called on all processes alike.
    """
    plain = type(indices_of(loader)) is BatchSampler
    own = batches_of(loader) if plain else None
    every = all_gather_object(own)
    return own is not None and all(x == own for x in every)
