"""Training that goes on after an interruption as if there had been none."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import DataLoader

from ..arguments import require_whole
from ..registry import LOOPS
from .addresses import (
    LOADING,
    ORDERING,
    TRAINING,
    Address,
    address,
    restart_all_random,
    restart_random,
    sampler_of,
)
from .resume import check_batches
from .resume_state import whole_number

_STATE = 'train_loop'  # in the checkpoint's `meta`


class StateHook(Hook):
    """Carries what the loop must remember into and out of checkpoints."""

    def __init__(self, loop: Any) -> None:
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


def checked_state(loaded: dict) -> dict | None:
    """What a loop left in a checkpoint's ``meta``, if it did.

    Raises:
        ValueError: It is not what any loop leaves there.
    """
    state = loaded.get(_STATE)
    if state is None:
        return None
    batches = whole_number(state, 'batches')
    done = whole_number(loaded, 'iter')
    whole_number(state, 'position', min(batches, done))
    if state.get('sampler_seed') is not None:
        whole_number(state, 'sampler_seed')
    if not isinstance(state.get('validated'), bool):
        raise ValueError(
            'the checkpoint cannot be resumed: its `validated` must be True '
            f'or False, got {state.get("validated")!r:.60}'
        )
    return state


def check_lengths(**lengths: Any) -> None:
    """Refuse what is not a whole number, by name."""
    for name, value in lengths.items():
        whole = isinstance(value, float) and value.is_integer()  # as 1e5
        least = int(name != 'val_begin')
        require_whole(name, int(value) if whole else value, least)


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
        ValueError: It gives no batch to some process, or the checkpoint's
            state is not one of this loop.
    """

    resumes_exactly = True  # ResumeHook asks

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
        self.position = 0
        self.loaded: dict = {}  # `meta` of the checkpoint, if there is one
        self._epoch_start = 0
        runner.register_hook(StateHook(self))

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
            restart_all_random(TRAINING, self.runner.seed, self._iter)
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
            sampler_seed=getattr(sampler_of(self.dataloader), 'seed', None),
            # Else it is written before, or by an interrupted validation.
            validated=inside and not meta.get('validation_left'),
        )

    def _resume(self) -> None:
        logger, batches = self.runner.logger, len(self.dataloader)
        state = checked_state(self.loaded)
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
            sampler_of(self.dataloader).seed = state['sampler_seed']
        if not state['validated']:
            self._validate()
