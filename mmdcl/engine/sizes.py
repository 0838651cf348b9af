"""Sizes that would end training late, refused before its first step."""

from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmpretrain.models import SimCLR
from torch.utils.data import DataLoader

from ..errors import UserValueError
from ..registry import HOOKS
from .batches import are_equal, batches_of
from .data_check import leaves
from .micro_batches import check_micro_batch
from .model import model_of


@HOOKS.register_module()
class SizesHook(Hook):
    """Before the first step: batches and banks are large enough to the end.

    Refuses batches, the last of an epoch included, that have fewer images
    than the model contrasts, over all processes; or that ``micro_batch`` of
    the model does not divide; and a kNN validation that asks for more
    neighbours than its bank has images. Models that ask each other in every
    step how many images each process holds (``equal_batches``) are told where
    all hold as many.

    Raises:
        ValueError: On all processes; the message says what to set.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner) -> None:
        model = model_of(runner)
        loader = runner.train_loop.dataloader
        check_smallest_batch(loader, model)
        check_micro_batch(loader, model)
        if hasattr(model, 'equal_batches'):
            model.equal_batches = are_equal(loader)
        loop = runner.val_loop
        if hasattr(loop, 'ks') and max(loop.ks) > _surely(runner):
            _ = loop.bank_loader  # which counts


def _surely(runner) -> int:
    """Images of a bank that is derived from the training images, at least."""
    if runner.val_loop.bank_cfg:
        return 0
    # Whatever repeats or chooses images is not in the bank.
    return sum(map(len, leaves(runner.train_dataloader.dataset)))


def least_images(model: Any) -> int:
    """How many images a model needs in a batch, in all processes together."""
    needs_negatives = hasattr(getattr(model, 'head', None), 'loss_from_rows')
    if isinstance(model, SimCLR) and needs_negatives:
        return 2
    return getattr(model, 'least_images', 1)


def check_smallest_batch(loader: DataLoader, model: Any) -> None:
    """Refuse a batch of too few images. Called on all processes alike.

    Args:
        loader: Of training images.
        model: Without a wrapper.

    Raises:
        ValueError: There will be one.
    """
    least, own = least_images(model), batches_of(loader)
    if least < 2 or own is None:
        return
    all_own = all_gather_object(own)
    steps = max(x.steps for x in all_own)
    last = sum(x.last for x in all_own if x.steps == steps)
    usual = sum(x.size for x in all_own)
    if last >= least:
        return
    total = sum(x.images for x in all_own)
    which = 'a batch' if usual < least else 'the last batch of each epoch'
    instead = (
        'a larger train_dataloader.batch_size'
        if usual < least
        else 'train_dataloader.drop_last=True, or another '
        'train_dataloader.batch_size'
    )
    raise UserValueError(
        f'{type(model).__name__} contrasts images with each other and needs '
        f'{least} of them, but {which} has {last} ({total} images in batches '
        f'of {usual}): set {instead}'
    )
