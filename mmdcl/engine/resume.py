"""What a resumed run may change, and training that could not be any."""

from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import all_gather_object, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.base_loop import BaseLoop
from torch.utils.data import IterableDataset

from ..arguments import require_flag
from ..errors import UserValueError
from ..registry import HOOKS
from .addresses import sampler_of
from .agreement import agree
from .checkpoint_match import CheckpointMatchHook
from .optimizer_state import optimizer_changes, scheduler_changes
from .resume_changes import (
    NEVER,
    REFUSED,
    Change,
    config_changes,
    fact_changes,
    read_config,
    table,
)
from .resume_state import (
    FACTS,
    batch_size_of,
    check_rest,
    move,
    remembered,
    run_facts,
    strays,
    whole_number,
)
from .schedule import optimizers, replay, schedule_ends

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


def check_batches(loader: Any) -> None:
    """Refuse a dataloader that gives some process no batch at all.

    Args:
        loader: Of training images. Called on all processes alike.

    Raises:
        ValueError: It is empty.
    """
    if isinstance(loader.dataset, IterableDataset) or (
        isinstance(sampler_of(loader), InfiniteSampler) and len(loader.dataset)
    ):
        return
    problem = ''
    if len(loader) == 0:
        images, ranks = len(loader.dataset), get_world_size()
        size = batch_size_of(loader)
        problem = f'nothing to train on: {images} images' + (
            f' over {ranks} processes' if ranks > 1 else ''
        )
        if images:
            problem += (
                f' are not one batch of {size}, and drop_last leaves out '
                'incomplete ones; lower train_dataloader.batch_size, or set '
                'train_dataloader.drop_last=False'
            )
    agree(problem)


def check_training(runner) -> None:
    """Build the loop of a runner, and refuse one without a batch.

    Earlier than any hook could, as schedules that are counted in batches are
    built before there is any.
    """
    if isinstance(getattr(runner, 'train_loop', None), BaseLoop):
        check_batches(runner.train_loop.dataloader)


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
        require_flag('with_changes', with_changes)
        self.with_changes = with_changes
        self._resumed = False
        self._now: dict[str, Any] = {}

    def before_run(self, runner) -> None:
        if isinstance(runner._train_loop, BaseLoop):
            check_batches(runner.train_dataloader)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['meta'][FACTS] = run_facts(runner)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        loops = (EpochBasedTrainLoop, IterBasedTrainLoop)
        if not runner._resume or not isinstance(runner._train_loop, loops):
            return
        self._resumed = True
        # Those of the first process, which writes checkpoints.
        self._now = all_gather_object(run_facts(runner))[0]
        problem, changes = '', []
        try:
            changes = self._compare(runner, checkpoint)
        except ValueError as error:
            problem = str(error)
        agree(problem)
        checkpoint.setdefault('message_hub', runner.message_hub.state_dict())
        if changes:
            runner.logger.warning(
                'this run and the one that it resumes differ:\n'
                + table(changes, self.with_changes)
            )
        moved = self.with_changes and any(
            change.setting.startswith(_SCHEDULE) for change in changes
        )
        if moved or strays(runner, checkpoint['meta']):
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
        before = remembered(runner, meta)
        check_rest(runner, meta, before)
        changes = fact_changes(before, self._now)
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
            changes += optimizer_changes(runner, checkpoint['optimizer'])
        if runner.param_schedulers and 'param_schedulers' in checkpoint:
            changes += scheduler_changes(
                runner, checkpoint['param_schedulers']
            )
        never = [x for x in changes if x.verdict == NEVER]
        refused = [x for x in changes if x.verdict == REFUSED]
        if never:
            raise UserValueError(
                'a run counted in epochs cannot be resumed by one counted in '
                f'iterations, nor the reverse:\n{table(changes, True)}'
            )
        if refused and not self.with_changes:
            raise UserValueError(
                'the checkpoint was written with other settings:\n'
                f'{table(changes, False)}\n'
                "Resume with the checkpoint's settings (the config is beside "
                'it), or add --resume-with-changes (with_changes=True of '
                "mmdcl.ResumeHook) to go on with the config's"
            )
        if any(change.setting.startswith('model') for change in changes):
            CheckpointMatchHook().after_load_checkpoint(runner, checkpoint)
        return changes

    def _follow_config(
        self, runner, checkpoint: dict, changes: list[Change]
    ) -> None:
        """Rates, schedules and position as the config has them there."""
        meta = checkpoint['meta']
        batches = len(runner.train_dataloader)
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            move(runner, meta, self._now)
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
