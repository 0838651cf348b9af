"""Randomness that depends on where training is, not on what was before."""

import random
from collections.abc import Iterator
from hashlib import blake2b
from struct import unpack
from typing import Any

import numpy as np
import torch
from mmengine.device import get_device
from torch.utils.data import DataLoader, Dataset, IterableDataset

from ..errors import UserTypeError

# Steps of training, images of epochs, orders of data; images and orders of
# loops that know iterations only.
TRAINING, LOADING, ORDERING, LOADING_AT, ORDERING_AT = range(5)

Address = tuple[int, int, int, int]  # LOADING.., seed, epoch.., index


def restart_random(*key: int) -> int:
    """Restart Python's, NumPy's and torch's CPU generator; returns a seed."""
    digest = blake2b(repr(key).encode(), digest_size=20).digest()
    first, second, third = unpack('<QIQ', digest)
    random.seed(first)
    np.random.seed(second)
    torch.default_generator.manual_seed(third)
    return third


def restart_all_random(*key: int) -> None:
    """The same, and the accelerator's."""
    seed = restart_random(*key)
    # torch.manual_seed looks at every kind of accelerator there could be,
    # which costs more than all else here.
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    elif get_device() != 'cpu':
        torch.manual_seed(seed)


class _Addressed(Dataset):
    """A dataset whose images draw from their address alone."""

    gives_addresses = True  # mmdcl.BatchViewsHook asks

    def __init__(self, dataset: Any) -> None:
        vars(self)['dataset'] = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, address: Address | int) -> Any:
        if isinstance(address, int):  # not from the train loader
            return self.dataset[address]
        restart_random(*address)
        return self.dataset[address[-1]]

    def __getitems__(self, addresses: list[Address]) -> list:
        return [self[address] for address in addresses]

    # Hooks that read `metainfo` or exchange `pipeline` reach the dataset.
    def __getattr__(self, name: str) -> Any:
        if 'dataset' not in vars(self):  # while being unpickled
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.dataset, name, value)


class _Batches:
    """Addresses instead of indices, from the loop's position on."""

    def __init__(self, batches: Any, loop: Any) -> None:
        self._batches, self._loop = batches, loop

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Address]]:
        return self._loop.addresses(self._batches)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('_'):
            raise AttributeError(name)
        return getattr(self._batches, name)


def address(loader: DataLoader, loop: Any) -> None:
    """Let a loop say what each image of its dataloader draws from.

    Args:
        loader: Changed in place.
        loop: Its ``addresses`` turns batches of indices into such of
            addresses.

    Raises:
        TypeError: The dataloader has no batches of indices.
    """
    if loader.batch_sampler is None or isinstance(
        loader.dataset, IterableDataset
    ):
        name = type(loop).__name__
        raise UserTypeError(
            f'{name} needs a dataset with indices and a batch size, got '
            f'{type(loader.dataset).__name__}; use train_cfg=dict(type='
            f"'{type(loop).__base__.__name__}', ...) for it"
        )
    # DataLoader allows no change of these two, which concerns loaders that
    # already run; a new one would lose `batch_size` and `sampler`.
    vars(loader)['batch_sampler'] = _Batches(loader.batch_sampler, loop)
    vars(loader)['dataset'] = _Addressed(loader.dataset)


def indices_of(loader: DataLoader) -> Any:
    """Batches of indices, of which a loop may have made addresses."""
    batches = loader.batch_sampler
    return batches._batches if isinstance(batches, _Batches) else batches


def sampler_of(loader: DataLoader) -> Any:
    """What the order of the images comes from."""
    # Beside a batch sampler `loader.sampler` is one that nobody asks.
    return getattr(loader.batch_sampler, 'sampler', loader.sampler)
