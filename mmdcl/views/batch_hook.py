"""Views of small images in memory, a batch at a time."""

from typing import Any

import torch
from mmengine.device import get_device

from ..arguments import require_flag
from ..registry import HOOKS
from .ahead import Ahead, core_to_spare
from .batches import BatchViews, why_not
from .hook import DeviceViewsHook, restart


def _as_it_is(batch: Any) -> Any:
    return batch


@HOOKS.register_module()
class BatchViewsHook(DeviceViewsHook):
    """Images stay in memory, and all views of a batch are made together.

    For datasets that hold images of one size (CIFAR, digits) under upstream's
    ``MultiView``, of any number of kinds of views::

        default_hooks = dict(views=dict(type='mmdcl.BatchViewsHook'))

    Images are put on the device that trains once, and there is no work for
    workers: crops, flips, rotations and colours are drawn and done as arrays.
    The distribution of views is the one of the pipeline, the draws are others
    (a seed gives another run than without the hook). In loops that resume
    exactly an image draws from seed, epoch and index alone, whatever the
    batch, the number of processes and the other images.

    On a CPU, where torch computes with one thread (``OMP_NUM_THREADS=1``) and
    there is another core, the next views are made while the network trains on
    these.

    Views begin with ``RandomResizedCrop``, which a ``RandomFlip`` and
    ``Rotate`` may follow, then any of ``RandomFlip``, ``ColorJitter``,
    ``RandomGrayscale``, ``GaussianBlur``, ``Solarize`` and ``RandomApply``.
    Of anything else a line in the log says what it is, and views are made as
    by :class:`mmdcl.DeviceViewsHook`.

    Args:
        batched: ``False``: as by :class:`mmdcl.DeviceViewsHook`, the draws of
            upstream's transforms.
    """

    def __init__(self, batched: bool = True) -> None:
        require_flag('batched', batched)
        self.batched = batched
        self._ahead: Ahead | None = None

    def before_train(self, runner) -> None:
        loader = runner.train_dataloader
        addressed = loader.dataset
        dataset = addressed
        # The loop's own, whose addresses are what images draw from here.
        if getattr(addressed, 'gives_addresses', False):
            dataset = addressed.dataset
        if isinstance(dataset, BatchViews):  # training goes on
            self._ahead = loader.batch_sampler
            return
        why = why_not(dataset) if self.batched else 'batched=False'
        if why:
            runner.logger.info(f'views: not a batch at a time ({why})')
            super().before_train(runner)
            return
        device = torch.device(get_device())
        views = BatchViews(dataset, device)
        spare = core_to_spare(device)
        self._ahead = Ahead(loader.batch_sampler, views, thread=spare)
        # DataLoader allows no change of these, which concerns loaders that
        # already run.
        vars(loader).update(
            dataset=views,
            batch_sampler=self._ahead,
            num_workers=0,
            prefetch_factor=None,
            persistent_workers=False,
            pin_memory=False,
            collate_fn=_as_it_is,
        )
        restart(runner.train_loop, loader)
        runner.logger.info(
            f'views: {len(views):,} images in memory, all of a batch at a '
            f'time on {device}' + spare * ', by a thread ahead of the network'
        )

    def before_train_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        if self._ahead is None:
            super().before_train_iter(runner, batch_idx, data_batch)
        elif data_batch is not None:
            data_batch['inputs'] = self._ahead.views(data_batch['inputs'])
