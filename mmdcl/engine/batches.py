"""How many images the batches of a dataloader will have."""

from typing import NamedTuple

from mmengine.dataset import InfiniteSampler
from torch.utils.data import DataLoader, IterableDataset

from .addresses import sampler_of


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
