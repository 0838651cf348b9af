"""What a resumed run may change, and training that could not be any."""

import re
from typing import Any

import torch
from mmengine.dataset import InfiniteSampler
from mmengine.device import get_device
from mmengine.dist import all_gather_object, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.base_loop import BaseLoop
from torch.utils.data import IterableDataset

from ..registry import HOOKS
from .resume_changes import (
    NEVER,
    REFUSED,
    Change,
    config_changes,
    fact_changes,
    read_config,
    table,
)
from .schedule import optimizers, replay, schedule_ends

_FACTS = 'run'  # in the checkpoint's `meta`
# What the position in a schedule depends on.
_SCHEDULE = (
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'train_cfg.max_',
    'train_dataloader.batch_size',
    'ranks',
    'batches',
    'optimizer',
)
# Settings of optimizers of no matter here: of schedules and of newer torch.
_HOW = re.compile(
    'params|lr|(initial|max|min)_|foreach|maximize|capturable|differentiable|'
    'fused|decoupled_weight_decay'
)


def agree(found: str) -> None:
    """Raise on every process what any of them found wrong.

    Args:
        found: A sentence; empty if all is well here.

    Raises:
        ValueError: With the first that is not empty.
    """
    for text in all_gather_object(found):
        if text:
            raise ValueError(text)


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
        raise ValueError(
            f'the checkpoint cannot be resumed: its `{name}` must be a whole '
            f'number from 0 to {most:,}, got {text}. If it holds weights '
            'alone, start from them by load_from instead of resuming'
        )
    return value


def check_batches(loader: Any) -> None:
    """Refuse a dataloader that gives some process no batch at all.

    Args:
        loader: Of training images. Called on all processes alike.

    Raises:
        ValueError: It is empty.
    """
    sampler = getattr(loader.batch_sampler, 'sampler', loader.sampler)
    if isinstance(loader.dataset, IterableDataset) or (
        isinstance(sampler, InfiniteSampler) and len(loader.dataset)
    ):
        return
    found = ''
    if len(loader) == 0:
        images, ranks = len(loader.dataset), get_world_size()
        size = _batch_size(loader)
        found = f'nothing to train on: {images} images' + (
            f' over {ranks} processes' if ranks > 1 else ''
        )
        if images:
            found += (
                f' are not one batch of {size}, and drop_last leaves out '
                'incomplete ones; lower train_dataloader.batch_size, or set '
                'train_dataloader.drop_last=False'
            )
    agree(found)


def expect_resume(cfg: Any, with_changes: bool = False) -> None:
    """Let a config have a ResumeHook, whatever it is of.

    Args:
        cfg: Changed in place.
        with_changes: As of the hook.
    """
    hooks = cfg.get('custom_hooks') or []
    cfg.custom_hooks = [
        *(x for x in hooks if not str(x.get('type')).endswith('ResumeHook')),
        dict(type='mmdcl.ResumeHook', with_changes=with_changes),
    ]


def check_training(runner) -> None:
    """Build the loop of a runner, and refuse one without a batch.

    Earlier than any hook could, as schedules that are counted in batches are
    built before there is any.
    """
    if isinstance(getattr(runner, 'train_loop', None), BaseLoop):
        check_batches(runner.train_loop.dataloader)


def _batch_size(loader: Any) -> int | None:
    size = getattr(loader, 'batch_size', None)
    return size or getattr(loader.batch_sampler, 'batch_size', None)


def _facts(runner) -> dict[str, Any]:
    """What decides how training goes on and is in no config."""
    loader = runner.train_loop.dataloader
    sized = not isinstance(loader.dataset, IterableDataset)
    ranks, size = get_world_size(), _batch_size(loader)
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


@HOOKS.register_module()
class ResumeHook(Hook):
    """Say what a resumed run changes; refuse what changes its meaning.

    Settings of the checkpoint are compared with this run's before the first
    step: model, data, optimizer, schedule, numbers of processes and images.
    A table in the log shows what differs and which one counts. Upstream takes
    some from the config and some from the checkpoint, without a word.

    With ``with_changes`` the config counts. Rates and schedules are then what
    the config has at that epoch, also if an epoch has another number of
    batches, and an optimizer of another type starts with a fresh state.

    Also refused, before training: nothing left to train, no batch to train
    on. Warned of: a schedule that does not end with training, and a loop that
    does not resume bit for bit.

    Args:
        with_changes: Go on with the config's settings where they differ
            (``tools/train.py --resume-with-changes``).

    Raises:
        ValueError: As above, on all processes.
    """

    priority = 'VERY_HIGH'

    def __init__(self, with_changes: bool = False) -> None:
        self.with_changes = with_changes
        self._resumed = False

    def before_run(self, runner) -> None:
        if isinstance(runner._train_loop, BaseLoop):
            check_batches(runner.train_dataloader)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['meta'][_FACTS] = _facts(runner)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        loops = (EpochBasedTrainLoop, IterBasedTrainLoop)
        if not runner._resume or not isinstance(runner._train_loop, loops):
            return
        self._resumed = True
        found = ''
        try:
            changes = self._compare(runner, checkpoint)
        except ValueError as error:
            found = str(error)
        agree(found)
        if changes:
            runner.logger.warning(
                'this run and the one that it resumes differ:\n'
                + table(changes, self.with_changes)
            )
        moved = self.with_changes and any(
            change.setting.startswith(_SCHEDULE) for change in changes
        )
        if moved or _strays(runner, checkpoint['meta']):
            self._follow_config(runner, checkpoint, changes)

    def before_train(self, runner) -> None:
        loop = runner.train_loop
        if not isinstance(loop, (EpochBasedTrainLoop, IterBasedTrainLoop)):
            return
        exact = getattr(loop, 'resumes_exactly', False)
        if self._resumed and not exact:
            by_epoch = isinstance(loop, EpochBasedTrainLoop)
            exact = 'ExactTrainLoop' if by_epoch else 'ExactIterTrainLoop'
            runner.logger.warning(
                f'{type(loop).__name__} does not resume bit for bit: images '
                'draw other augmentations than without the interruption'
                + (', and an epoch begun starts over' if by_epoch else '')
                + f'; mmdcl.{exact} does'
            )
        epochs = 0 if isinstance(loop, IterBasedTrainLoop) else loop.max_epochs
        for name, _, schedulers in optimizers(runner):
            configs = runner.cfg.get('param_scheduler') or []
            key = 'param_scheduler'
            if name and isinstance(configs, dict) and name in configs:
                configs, key = configs[name], f'{key}.{name}'
            configs = [configs] if isinstance(configs, dict) else configs
            for text in schedule_ends(
                schedulers, configs, epochs, loop.max_iters, key
            ):
                runner.logger.warning(
                    'the schedule does not end with training: '
                    + text
                    + (
                        '. It is the one of the checkpoint; to follow the '
                        'config add --resume-with-changes'
                        if self._resumed and not self.with_changes
                        else ''
                    )
                )

    def _compare(self, runner, checkpoint: dict) -> list[Change]:
        meta = checkpoint.get('meta')
        for name in ('epoch', 'iter'):
            whole_number(meta, name)
        _check_rest(runner, meta)
        before = _remembered(runner, meta)
        changes = fact_changes(before, _facts(runner))
        alone = before.get('ranks', 1) == get_world_size() == 1
        if text := runner.cfg.pretty_text.strip():
            try:
                then = read_config(meta['cfg'])
            except (KeyError, TypeError, ValueError):
                runner.logger.warning(
                    'the checkpoint holds no config that settings could be '
                    'compared with'
                )
            else:
                changes += config_changes(then, read_config(text), alone)
        if 'optimizer' in checkpoint:
            changes += _optimizer_changes(runner, checkpoint['optimizer'])
        never = [x for x in changes if x.verdict == NEVER]
        refused = [x for x in changes if x.verdict == REFUSED]
        if never:
            raise ValueError(
                'a run counted in epochs cannot be resumed by one counted in '
                f'iterations, nor the reverse:\n{table(changes, True)}'
            )
        if refused and not self.with_changes:
            raise ValueError(
                'the checkpoint was written with other settings:\n'
                f'{table(changes, False)}\n'
                "Resume with the checkpoint's settings (the config is beside "
                'it), or add --resume-with-changes (with_changes=True of '
                "mmdcl.ResumeHook) to go on with the config's"
            )
        return changes

    def _follow_config(
        self, runner, checkpoint: dict, changes: list[Change]
    ) -> None:
        """Rates, schedules and position as the config has them there."""
        meta = checkpoint['meta']
        batches = len(runner.train_dataloader)
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            _move(runner, meta)
        replay(runner, meta['epoch'], meta['iter'], batches)
        checkpoint.pop('param_schedulers', None)  # those of the runner stay
        fresh = any(
            change.setting.startswith('optimizer') for change in changes
        )
        loaded = checkpoint.get('optimizer')
        for name, wrapper, _ in optimizers(runner):
            rates = {f'{x["lr"]:.4g}' for x in wrapper.param_groups}
            runner.logger.warning(
                f'{name or "training"} goes on at epoch {meta["epoch"]}, '
                f'iteration {meta["iter"]}, with a learning rate of '
                f'{" and ".join(sorted(rates))}'
                + (' and a fresh state of the optimizer' if fresh else '')
            )
            if loaded is None:
                continue
            theirs = loaded.get(name) if name else loaded
            ours = dict(wrapper.state_dict())
            if not fresh:
                carried = ours.keys() & {'loss_scaler'} | {'state'}
                ours |= {x: theirs[x] for x in carried if x in theirs}
            if name:
                loaded[name] = ours
            else:
                checkpoint['optimizer'] = ours


def _check_rest(runner, meta: dict) -> None:
    """Refuse to resume what is over."""
    loop = runner.train_loop
    if isinstance(loop, EpochBasedTrainLoop):
        unit, done = 'epoch', meta['epoch']
        option, last = 'max_epochs', loop.max_epochs
    else:
        unit, done = 'iteration', meta['iter']
        option, last = 'max_iters', loop.max_iters
    state = meta.get('train_loop')
    text = (
        f'the checkpoint is at {unit} {done} of {option}={last}: nothing is '
        'left to train'
    )
    unvalidated = isinstance(state, dict) and not state.get('validated', True)
    if done == last and unvalidated and runner.val_loop:
        runner.logger.warning(f'{text}, the last validation is repeated')
    elif done >= last:
        raise ValueError(f'{text}; raise train_cfg.{option} to go on')


def _remembered(runner, meta: dict) -> dict[str, Any]:
    """The facts of a checkpoint, as far as it tells."""
    facts = meta.get(_FACTS)
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


def _exact_state(runner, meta: dict) -> dict | None:
    """What an exact loop left to an exact loop."""
    state = meta.get('train_loop')
    exact = getattr(runner.train_loop, 'resumes_exactly', False)
    return state if exact and isinstance(state, dict) else None


def _strays(runner, meta: dict) -> bool:
    """The loop starts an epoch over, but the schedule would not."""
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        return False
    whole = meta['epoch'] * len(runner.train_dataloader)
    return _exact_state(runner, meta) is None and meta['iter'] != whole


def _move(runner, meta: dict) -> None:
    """The same epoch, in epochs of another length.

    Images seen in it are not seen again if they are the same images in the
    same order; else the epoch starts over.
    """
    then, now = _remembered(runner, meta), _facts(runner)
    batches = now['batches_per_epoch']
    old = then.get('batches_per_epoch', batches)
    state, position = _exact_state(runner, meta), 0
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


def _optimizer_changes(runner, loaded: Any) -> list[Change]:
    """Why the state of an optimizer is not one that this run can take."""
    if not isinstance(loaded, dict):
        loaded = {}
    found = []
    for name, wrapper, _ in optimizers(runner):
        theirs = loaded.get(name) if name else loaded
        if reason := _misfit(theirs, wrapper.optimizer):
            at = f'optimizer state{f" of {name}" if name else ""}'
            found.append(Change(at, *reason, REFUSED))
    return found


def _misfit(theirs: Any, optimizer: torch.optim.Optimizer) -> tuple | None:
    """What the states of two optimizers are of, if not of the same."""
    groups = theirs.get('param_groups') if isinstance(theirs, dict) else None
    state = theirs.get('state') if groups else None
    if not isinstance(state, dict) or not all(
        isinstance(group, dict) and isinstance(group.get('params'), list)
        for group in groups
    ):
        raise ValueError(
            'the checkpoint cannot be resumed: its `optimizer` is not the '
            'state of an optimizer'
        )
    then, now = (
        {k: x for k, x in group.items() if not _HOW.match(k)}
        for group in (groups[0], optimizer.param_groups[0])
    )
    if then.keys() != now.keys():
        return ', '.join(then), ', '.join(now)
    for key, value in now.items():
        switched = isinstance(value, bool) and key != 'nesterov'
        switched |= key == 'momentum' and not (value and then[key])
        if switched and value != then[key]:
            return f'{key}={then[key]}', f'{key}={value}'
    parameters = [x for g in optimizer.param_groups for x in g['params']]
    names = [x for group in groups for x in group['params']]
    if len(names) != len(parameters):
        return f'{len(names)} parameters', f'{len(parameters)} parameters'
    for name, parameter in zip(names, parameters, strict=True):
        for x in (state.get(name) or {}).values():
            shape = getattr(x, 'shape', ())  # () of a count of steps
            if shape and shape != parameter.shape:
                shapes = tuple(shape), tuple(parameter.shape)
                return tuple(f'a parameter {each}' for each in shapes)
    return None
