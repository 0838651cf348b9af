"""What a checkpoint tells of the run that wrote it, and where this one is."""

from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import IterableDataset

from ..errors import UserValueError
from .schedule import optimizers

FACTS = 'run'  # in the checkpoint's `meta`


def whole_number(meta: Any, name: str, most: int = 2**53) -> int:
    """A count that a checkpoint holds.

    Raises:
        ValueError: It is absent, of another type, or out of bounds.
    """
    value = meta.get(name) if isinstance(meta, dict) else None
    kind = type(value).__name__
    if kind != 'int' or not 0 <= value <= most:
        text = f'{value!r} ({kind})'
        text = text if len(text) < 80 else f'{text[:76]}...'
        raise UserValueError(
            f'the checkpoint cannot be resumed: its `{name}` must be a whole '
            f'number from 0 to {most:,}, got {text}. If it holds weights '
            'alone, start from them by load_from instead of resuming'
        )
    return value


def batch_size_of(loader: Any) -> int | None:
    size = getattr(loader, 'batch_size', None)
    return size or getattr(loader.batch_sampler, 'batch_size', None)


def run_facts(runner) -> dict[str, Any]:
    """What decides how training goes on and is in no config."""
    loader = runner.train_loop.dataloader
    sized = not isinstance(loader.dataset, IterableDataset)
    ranks, size = get_world_size(), batch_size_of(loader)
    return dict(
        ranks=ranks,
        images=len(loader.dataset) if sized else None,
        batches_per_epoch=len(loader) if sized else None,
        images_per_step=size and size * ranks,
        loop=type(runner.train_loop).__name__,
        threads=torch.get_num_threads(),
        torch=str(torch.__version__),
        device=get_device(),
    )


def check_rest(runner, meta: dict, before: dict[str, Any]) -> None:
    """Say that training is complete; refuse what is past its end.

    Args:
        runner: The one that resumes.
        meta: Of the checkpoint.
        before: Of :func:`remembered`.
    """
    loop = runner.train_loop
    past = False
    if isinstance(loop, EpochBasedTrainLoop):
        unit, done = 'epoch', meta['epoch']
        option, last = 'max_epochs', loop.max_epochs
        if batches := before.get('batches_per_epoch'):
            end = last * batches
            past = done == last and meta['iter'] > end
            if done == last - 1 and meta['iter'] == end:  # not counted yet
                done = last
    else:
        unit, done = 'iteration', meta['iter']
        option, last = 'max_iters', loop.max_iters
    text = f'the checkpoint is at {unit} {done} of {option}={last}'
    if done > last or past:
        raise UserValueError(
            f'{text}: nothing is left to train; raise train_cfg.{option} to '
            'go on'
        )
    if done < last:
        return
    state = meta.get('train_loop')
    left = isinstance(state, dict) and not state.get('validated', True)
    if left and runner.val_loop:
        then = ', the last validation is repeated'
    else:
        then = f'; to train longer, raise train_cfg.{option}'
    runner.logger.warning(f'{text}: training is complete{then}')


def remembered(runner, meta: dict) -> dict[str, Any]:
    """The facts of a checkpoint, as far as it tells."""
    facts = meta.get(FACTS)
    facts = dict(facts) if isinstance(facts, dict) else {}
    for name in ('ranks', 'images', 'batches_per_epoch', 'images_per_step'):
        if facts.get(name) is not None:
            whole_number(facts, name)
    loop = runner.train_loop
    if not isinstance(loop, EpochBasedTrainLoop):
        # Infinite samplers know no epoch.
        facts.pop('batches_per_epoch', None)
    elif 'batches_per_epoch' not in facts:
        state = meta.get('train_loop')
        epoch, iteration, now = (
            meta['epoch'],
            meta['iter'],
            len(loop.dataloader),
        )
        if isinstance(state, dict):
            facts['batches_per_epoch'] = whole_number(state, 'batches')
        elif epoch and not epoch * now <= iteration <= (epoch + 1) * now:
            facts['batches_per_epoch'] = max(1, iteration // epoch)
    return facts


def exact_state(runner, meta: dict) -> dict | None:
    """What an exact loop left to an exact loop."""
    state = meta.get('train_loop')
    exact = getattr(runner.train_loop, 'resumes_exactly', False)
    return state if exact and isinstance(state, dict) else None


def strays(runner, meta: dict) -> bool:
    """The loop starts an epoch over, but the schedule would not."""
    if not isinstance(runner.train_loop, EpochBasedTrainLoop) or any(
        getattr(scheduler, 'need_val_args', False)
        for _, _, schedulers in optimizers(runner)
        for scheduler in schedulers
    ):
        return False
    whole = meta['epoch'] * len(runner.train_dataloader)
    return exact_state(runner, meta) is None and meta['iter'] != whole


def move(runner, meta: dict, now: dict[str, Any]) -> None:
    """The same epoch, in epochs of another length.

    Images seen in it are not seen again if they are the same images in the
    same order; else the epoch starts over.

    Args:
        runner: The one that resumes.
        meta: Of the checkpoint, changed in place.
        now: Of :func:`run_facts`.
    """
    then = remembered(runner, meta)
    batches = now['batches_per_epoch']
    old = then.get('batches_per_epoch', batches)
    state, position = exact_state(runner, meta), 0
    if state:
        position = whole_number(state, 'position', old)
        per_step = then.get('images_per_step'), now['images_per_step']
        if position == old:
            position = batches
        elif all(per_step) and then.get('images') == now['images']:
            position = min(batches, position * per_step[0] // per_step[1])
        elif old != batches:
            position = 0
        state |= dict(position=position, batches=batches)
    elif meta['iter'] == (meta['epoch'] + 1) * old:
        meta['epoch'] += 1
    meta['iter'] = meta['epoch'] * batches + position
