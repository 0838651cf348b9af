"""Training that goes on after an interruption as if there had been none."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import DataLoader

from ..registry import LOOPS
from .addresses import (
    LOADING,
    ORDERING,
    TRAINING,
    Address,
    address,
    restart_all_random,
    restart_random,
)
from .exact_loop import ExactLoop, check_lengths
from .resume import check_batches


@LOOPS.register_module()
class ExactTrainLoop(EpochBasedTrainLoop, ExactLoop):
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
        ValueError: It gives no batch to some process, or the checkpoint's
            state is not one of this loop.
    """

    def __init__(
        self, runner, dataloader: DataLoader | dict, max_epochs: int, **kwargs
    ) -> None:
        check_lengths(
            max_epochs=max_epochs,
            val_begin=kwargs.get('val_begin', 1),
            val_interval=kwargs.get('val_interval', 1),
        )
        super().__init__(runner, dataloader, max_epochs, **kwargs)
        address(self.dataloader, self)
        check_batches(self.dataloader)
        self.position = self._epoch_start = 0
        self.remember()

    def addresses(self, batches: Any) -> Iterator[list[Address]]:
        """What each image of the rest of the epoch draws from."""
        seed, epoch = self.runner.seed, self.epoch
        # For samplers without their own seed.
        restart_random(ORDERING, seed, epoch)
        for batch in islice(batches, self.position, None):
            yield [(LOADING, seed, epoch, index) for index in batch]

    def run(self) -> torch.nn.Module:
        """Train, from where the checkpoint was written."""
        self.runner.call_hook('before_train')
        if self._iter and self._iter == self.loaded.get('iter'):
            self._resume()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self.validate()
        self.runner.call_hook('after_train')
        return self.runner.model

    def progress(self) -> tuple[int, int]:
        """Epochs done, and in all."""
        return self._epoch, self._max_epochs

    def run_epoch(self) -> None:
        """Train the rest of the epoch."""
        self.position = self._iter - self._epoch_start
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for idx, data_batch in enumerate(self.dataloader, self.position):
            restart_all_random(TRAINING, self.runner.seed, self._iter)
            self.run_iter(idx, data_batch)
        self.position = 0
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
        self._epoch_start = self._iter

    def state(self, meta: dict) -> dict:
        """What a checkpoint with that ``epoch`` and ``iter`` remembers."""
        inside = meta['epoch'] == self._epoch
        position = meta['iter'] - self._epoch_start if inside else 0
        return self.state_at(meta, inside, position)

    def _resume(self) -> None:
        logger, batches = self.runner.logger, len(self.dataloader)
        state = self.loaded_state()
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
        self.go_on(state)
