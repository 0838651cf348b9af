"""Backbones of any algorithm in micro-batches; sizes that do not fit."""

from contextlib import ExitStack

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from torch import nn
from torch.utils.data import DataLoader

from ..arguments import require_whole
from ..errors import UserValueError
from ..functional.recompute import micro_batched
from ..registry import HOOKS
from .agreement import agree
from .batches import batches_of
from .model import model_of


@HOOKS.register_module()
class MicroBatchHook(Hook):
    """The backbone holds activations of a few rows at a time.

    Of whatever algorithm, ours or upstream's; one line switches it on::

        custom_hooks = [dict(type='mmdcl.MicroBatchHook', size=64)]

    Activations are computed again in the backward, a micro-batch at a time,
    so that loss and gradient are those of the whole batch; BatchNorm of the
    backbone has the statistics of each micro-batch. Encoders that run without
    gradient, such as momentum encoders, stay as they are, and so do
    validation, names of parameters and checkpoints. Our own algorithms do it
    by ``model.micro_batch``, which counts images instead.

    Args:
        size: Rows of one call of ``model.backbone`` that are computed at a
            time. A row is a view of an image: upstream's SimCLR makes one
            call with both views, 2 rows for each image, and MoCo one with a
            single view. Of rows that it does not divide, parts are smaller
            and as equal as can be.

    Raises:
        ValueError: Before the first step, on all processes: the model has no
            ``backbone``, or a ``micro_batch`` of its own; or SyncBN would
            wait for a process that has fewer rows.
    """

    def __init__(self, size: int) -> None:
        require_whole('size', size)
        self.size = size
        self._step = ExitStack()

    def before_train(self, runner) -> None:
        model = model_of(runner)
        name, problem = type(model).__name__, ''
        if not isinstance(getattr(model, 'backbone', None), nn.Module):
            problem = (
                f'mmdcl.MicroBatchHook needs a model with a `backbone`, which '
                f'{name} has not; remove the hook'
            )
        elif getattr(model, 'micro_batch', None) is not None:
            problem = (
                f'`model.micro_batch` of {name} is {model.micro_batch} and '
                f'`size` of mmdcl.MicroBatchHook {self.size}: leave one out'
            )
        agree(problem)
        check_sync_bn(runner.train_dataloader, model)

    def before_train_iter(self, runner, *args, **kwargs) -> None:
        self._step.close()  # of a step that an error ended
        backbone = model_of(runner).backbone
        self._step.enter_context(micro_batched(backbone, self.size))

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        self._step.close()


def check_micro_batch(loader: DataLoader, model: nn.Module) -> None:
    """Refuse a batch that ``model.micro_batch`` does not divide.

    Called on all processes alike.

    Raises:
        ValueError: There will be one; or SyncBN would wait for a process that
            has fewer micro-batches.
    """
    own = batches_of(loader)
    if getattr(model, 'micro_batch', None) is None or own is None:
        return
    full = [own.size] if own.steps > 1 else []
    all_own = all_gather_object((full, own.last))
    usual = [x for full, _ in all_own for x in full]
    problem = model.micro_batch_problem(usual)
    if not problem:
        problem = model.micro_batch_problem([*usual, *(x for _, x in all_own)])
        problem += ', or set train_dataloader.drop_last=True' * bool(problem)
    if problem:
        raise UserValueError(problem)
    check_sync_bn(loader, model)


def check_sync_bn(loader: DataLoader, model: nn.Module) -> None:
    """Refuse batches that SyncBN may not divide alike on all processes.

    Called on all processes alike.

    Raises:
        ValueError: It would wait for a micro-batch that others have not.
    """
    kinds = {type(module).__name__ for module in model.backbone.modules()}
    if 'SyncBatchNorm' not in kinds:
        return
    own = batches_of(loader)
    lasts = {x and x.last for x in all_gather_object(own)}
    if len(lasts) > 1:
        raise UserValueError(
            'micro-batches with SyncBN need as many images on each process, '
            f'got last batches of {" and ".join(map(str, lasts))}: set '
            'train_dataloader.drop_last=True, or BN instead of SyncBN'
        )
