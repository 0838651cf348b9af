"""Training that goes on after an interruption as if there had been none."""

import random
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from struct import unpack
from typing import Any

import numpy as np
import torch
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import DataLoader, Dataset, IterableDataset

from ..registry import LOOPS

_STATE = 'train_loop'  # in the checkpoint's `meta`
_TRAINING, _LOADING, _ORDERING = range(3)


def _seed(*key: int) -> int:
    """Restart Python's, NumPy's and torch's CPU generator; returns a seed."""
    digest = blake2b(repr(key).encode(), digest_size=20).digest()
    first, second, third = unpack('<QIQ', digest)
    random.seed(first)
    np.random.seed(second)
    torch.default_generator.manual_seed(third)
    return third


def _seed_accelerator(seed: int) -> None:
    # torch.manual_seed looks at every kind of accelerator there could be,
    # which costs more than all else here.
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    elif get_device() != 'cpu':
        torch.manual_seed(seed)


class _Addressed(Dataset):
    """A dataset whose images draw from ``(seed, epoch, index)`` alone."""

    def __init__(self, dataset: Any) -> None:
        vars(self)['dataset'] = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, address: tuple[int, int, int] | int) -> Any:
        if isinstance(address, int):  # not from the train loader
            return self.dataset[address]
        _seed(_LOADING, *address)
        return self.dataset[address[-1]]

    def __getitems__(self, addresses: list[tuple[int, int, int]]) -> list:
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

    def __init__(self, batches: Any, loop: 'ExactTrainLoop') -> None:
        self._batches, self._loop = batches, loop

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        seed, epoch = self._loop.runner.seed, self._loop.epoch
        _seed(_ORDERING, seed, epoch)  # for samplers without their own seed
        for batch in islice(self._batches, self._loop.position, None):
            yield [(seed, epoch, index) for index in batch]

    def __getattr__(self, name: str) -> Any:
        if name.startswith('_'):
            raise AttributeError(name)
        return getattr(self._batches, name)


class _StateHook(Hook):
    """Carries what the loop must remember into and out of checkpoints."""

    def __init__(self, loop: 'ExactTrainLoop') -> None:
        self.loop = loop

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        meta = checkpoint['meta']
        meta[_STATE] = self.loop.state(meta)
        wrapper = runner.optim_wrapper
        wrappers = (
            wrapper.values()
            if isinstance(wrapper, OptimWrapperDict)
            else [wrapper]
        )
        if not all(wrapper.should_update() for wrapper in wrappers):
            runner.logger.warning(
                f'the checkpoint at iteration {meta["iter"]} is between two '
                'updates of gradient accumulation: batches accumulated so '
                'far are lost if training is resumed from it. Choose a '
                'checkpoint interval that `accumulative_counts` divides'
            )

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        self.loop.loaded = checkpoint.get('meta') or {}


@LOOPS.register_module()
class ExactTrainLoop(EpochBasedTrainLoop):
    """Epoch-based training, resumed bit for bit, also inside an epoch.

    Nothing random is carried over, so nothing can be forgotten: what an image
    draws in the workers depends on seed, epoch and index alone, what an
    iteration draws in the main process on seed and iteration. Number of
    workers and processes do not change the views (unless ``randomness`` says
    ``diff_rank_seed``). A checkpoint remembers the position in the epoch, the
    order of the data, and whether the epoch is still to be validated.

    After a resume weights, optimizer, schedules and buffers are those of an
    uninterrupted run, bit for bit on a CPU with the same number of threads
    and processes. On a GPU kernels that add in varying order (cuDNN, atomics)
    differ in the last bits unless ``randomness`` says ``deterministic``.
    BatchNorm's running statistics are each process's own unless it is SyncBN;
    a checkpoint holds those of the first. Not carried over: the patience of
    ``EarlyStoppingHook``, and generators that a transform keeps for itself
    instead of drawing from Python's, NumPy's or torch's.

    Args:
        runner: The runner.
        dataloader: Of training images; its dataset has a length.
        **kwargs: As in upstream's ``EpochBasedTrainLoop``: ``max_epochs``,
            ``val_begin``, ``val_interval``, ``dynamic_intervals``.

    Raises:
        TypeError: The dataloader has no batches of indices to address.
    """

    def __init__(
        self, runner, dataloader: DataLoader | dict, max_epochs: int, **kwargs
    ) -> None:
        super().__init__(runner, dataloader, max_epochs, **kwargs)
        loader = self.dataloader
        if loader.batch_sampler is None or isinstance(
            loader.dataset, IterableDataset
        ):
            raise TypeError(
                'ExactTrainLoop needs a dataset with indices and a batch '
                f'size, got {type(loader.dataset).__name__}; use '
                "train_cfg=dict(type='EpochBasedTrainLoop', ...) for it"
            )
        # DataLoader allows no change of these two, which concerns loaders
        # that already run; a new one would lose `batch_size` and `sampler`.
        vars(loader)['batch_sampler'] = _Batches(loader.batch_sampler, self)
        vars(loader)['dataset'] = _Addressed(loader.dataset)
        self.position = 0
        self.loaded: dict = {}  # `meta` of the checkpoint, if there is one
        self._epoch_start = 0
        runner.register_hook(_StateHook(self))

    def run(self) -> torch.nn.Module:
        """Train, from where the checkpoint was written."""
        self.runner.call_hook('before_train')
        if self._iter and self._iter == self.loaded.get('iter'):
            self._resume()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._validate()
        self.runner.call_hook('after_train')
        return self.runner.model

    def _validate(self) -> None:
        self._decide_current_val_interval()
        last = self._epoch == self._max_epochs
        due = last or self._epoch % self.val_interval == 0
        if self.runner.val_loop and self._epoch >= self.val_begin and due:
            self.runner.val_loop.run()

    def run_epoch(self) -> None:
        """Train the rest of the epoch."""
        self.position = self._iter - self._epoch_start
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for idx, data_batch in enumerate(self.dataloader, self.position):
            seed = _seed(_TRAINING, self.runner.seed, self._iter)
            _seed_accelerator(seed)
            self.run_iter(idx, data_batch)
        self.position = 0
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
        self._epoch_start = self._iter

    def state(self, meta: dict) -> dict:
        """What a checkpoint with that ``epoch`` and ``iter`` remembers."""
        inside = meta['epoch'] == self._epoch
        return dict(
            position=meta['iter'] - self._epoch_start if inside else 0,
            batches=len(self.dataloader),
            sampler_seed=getattr(self.dataloader.sampler, 'seed', None),
            validated=inside,  # else it is written before
        )

    def _resume(self) -> None:
        logger, batches = self.runner.logger, len(self.dataloader)
        state = self.loaded.get(_STATE)
        if state is None:
            state = dict(position=0, batches=batches, validated=True)
            logger.warning(
                'the checkpoint was not written by ExactTrainLoop: images '
                'will draw other augmentations than without the '
                'interruption, and an epoch that it is inside of starts over'
            )
        position = state['position']
        if position == state['batches']:  # the epoch is complete
            position = batches
        elif position and batches != state['batches']:
            logger.warning(
                f'the checkpoint is at batch {position} of '
                f'{state["batches"]} in its epoch, but epochs have {batches} '
                'batches now: this epoch starts over'
            )
            position = 0
        self._epoch_start = self._iter - position
        if state.get('sampler_seed') is not None:
            self.dataloader.sampler.seed = state['sampler_seed']
        if not state['validated']:
            self._validate()
