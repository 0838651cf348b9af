"""The exact train loop of detection and segmentation: no epochs."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import DataLoader

from ..registry import LOOPS
from .addresses import (
    LOADING_AT,
    ORDERING_AT,
    TRAINING,
    Address,
    address,
    restart_all_random,
    restart_random,
    sampler_of,
)
from .exact_loop import ExactLoop, check_lengths
from .resume import check_batches


@LOOPS.register_module()
class ExactIterTrainLoop(IterBasedTrainLoop, ExactLoop):
    """Iteration-based training, resumed bit for bit.

    What ExactTrainLoop is to epochs: an image draws from seed, iteration and
    index alone, an iteration from seed and iteration. The order of the data
    is the sampler's, infinite or not, drawn again up to where training was,
    without an image being read. Batch samplers that look at the data to group
    it work, too. What cannot be resumed is the same as there.

    Args:
        runner: The runner.
        dataloader: Of training images; its dataset has a length.
        max_iters: When training ends.
        **kwargs: As in upstream's ``IterBasedTrainLoop``: ``val_begin``,
            ``val_interval``, ``dynamic_intervals``.

    Raises:
        TypeError: The dataloader has no batches of indices to address.
        ValueError: It gives no batch to some process, or the checkpoint's
            state is not one of this loop.
    """

    def __init__(
        self, runner, dataloader: DataLoader | dict, max_iters: int, **kwargs
    ) -> None:
        check_lengths(
            max_iters=max_iters,
            val_begin=kwargs.get('val_begin', 1),
            val_interval=kwargs.get('val_interval', 1),
        )
        self._started = False
        if isinstance(dataloader, dict):
            dataloader = runner.build_dataloader(
                dataloader,
                seed=runner.seed,
                diff_rank_seed=runner._randomness_cfg.get(
                    'diff_rank_seed', False
                ),
            )
        address(dataloader, self)
        check_batches(dataloader)
        super().__init__(runner, dataloader, max_iters, **kwargs)
        # Older versions of upstream start the workers here, too early.
        self.dataloader_iterator: Any = None
        vars(dataloader)['_iterator'] = None
        self.remember()

    def addresses(self, batches: Any) -> Iterator[list[Address]]:
        """What each image from this iteration on draws from, without end."""
        if not self._started:
            return
        start, seed = self._iter, self.runner.seed
        for i, batch in enumerate(islice(self._order(batches), start, None)):
            yield [(LOADING_AT, seed, start + i, index) for index in batch]

    def _order(self, batches: Any) -> Iterator[list[int]]:
        epoch = 0
        while True:  # of infinite samplers there is one
            if hasattr(sampler_of(self.dataloader), 'set_epoch'):
                sampler_of(self.dataloader).set_epoch(epoch)
            restart_random(ORDERING_AT, self.runner.seed, epoch)
            yield from batches
            epoch += 1

    def run(self) -> torch.nn.Module:
        """Train, from where the checkpoint was written."""
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        if self._iter and self._iter == self.loaded.get('iter'):
            self._resume()
        self._started = True
        self.dataloader_iterator = iter(self.dataloader)
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            data_batch = next(self.dataloader_iterator)
            restart_all_random(TRAINING, self.runner.seed, self._iter)
            self.run_iter(data_batch)
            self.validate()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def progress(self) -> tuple[int, int]:
        """Iterations done, and in all."""
        return self._iter, self._max_iters

    def state(self, meta: dict) -> dict:
        """What a checkpoint with that ``iter`` remembers."""
        return self.state_at(meta, meta['iter'] == self._iter)

    def _resume(self) -> None:
        state = self.loaded_state()
        if state is None:
            self.runner.logger.warning(
                'the checkpoint was not written by ExactIterTrainLoop: images '
                'will draw other augmentations than without the interruption'
            )
            return
        self.go_on(state)
