"""Where a schedule is, whatever the length of an epoch, and where it ends."""

import copy
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from mmengine.optim import OptimWrapperDict

from ..errors import UserValueError

_ENDLESS = 10**9  # upstream's default of `end`


def optimizers(runner) -> Iterator[tuple[str, Any, list]]:
    """Name ('' where there is one), wrapper and schedulers of each."""
    wrapper, schedulers = runner.optim_wrapper, runner.param_schedulers or []
    if isinstance(wrapper, OptimWrapperDict):
        for name, each in wrapper.items():
            own = schedulers[name] if isinstance(schedulers, dict) else []
            yield name, each, own
    else:
        yield '', wrapper, schedulers


def replay(runner, epochs: int, iterations: int, batches: int) -> None:
    """Bring fresh schedules to where an uninterrupted run would be.

    They are stepped from their start, as each value follows from the one
    before, so that all of it is as the config says. Nothing is trained.

    Args:
        runner: Its schedulers and optimizers are built and at their start.
        epochs: Complete ones.
        iterations: So many steps of training, in epochs of today's length.
        batches: In an epoch.

    Raises:
        ValueError: A schedule follows a metric, which is not known.
    """
    for _, wrapper, schedulers in optimizers(runner):
        for scheduler in schedulers:
            if getattr(scheduler, 'need_val_args', False):
                raise UserValueError(
                    f'{type(scheduler).__name__} follows a metric and cannot '
                    'be brought to another position; resume with the '
                    "checkpoint's settings"
                )
        _replay(wrapper, schedulers, epochs, iterations, batches)


def _hyperparameters(group: dict) -> dict[str, Any]:
    return {key: x for key, x in group.items() if key != 'params'}


def _counted() -> None:
    """Stands for a step of the optimizer that the schedulers wait for."""


_counted._with_counter = True  # type: ignore[attr-defined]


def _replay(wrapper, schedulers, epochs, iterations, batches) -> None:
    groups = wrapper.param_groups
    # Of groups that are alike, one. LARS has one group for each parameter.
    alike = [repr(sorted(_hyperparameters(x).items())) for x in groups]
    first = {key: alike.index(key) for key in alike}
    stand_in = SimpleNamespace(
        param_groups=[_hyperparameters(groups[i]) for i in first.values()],
        step=_counted,
        _global_step=0,
    )
    copies = [copy.copy(scheduler) for scheduler in schedulers]
    for each in copies:
        each.optimizer, each.verbose = stand_in, False
        each.base_values = [each.base_values[i] for i in first.values()]
    by_iteration = [x for x in copies if not x.by_epoch]
    by_epoch = [x for x in copies if x.by_epoch]
    done = 0
    for i in range(1, iterations + 1 if by_iteration else 1):
        for each in by_iteration:
            each.step()
        if i % batches == 0 and done < epochs:
            done += 1
            for each in by_epoch:
                each.step()
    for _ in range(epochs - done):
        for each in by_epoch:
            each.step()
    moved = dict(zip(first, stand_in.param_groups, strict=True))
    for group, key in zip(groups, alike, strict=True):
        group.update(moved[key])
    for scheduler, each in zip(schedulers, copies, strict=True):
        scheduler.last_step = each.last_step
        scheduler._global_step = each._global_step
        scheduler._last_value = [x[each.param_name] for x in groups]


def _shape(scheduler) -> tuple[str, int, bool] | None:
    """Option, step of its last change, and whether nothing is left then."""
    begin = scheduler.begin
    if hasattr(scheduler, 'T_max'):
        return 'T_max', begin + scheduler.T_max, True
    if hasattr(scheduler, 'cumulative_periods'):
        return 'periods', begin + scheduler.cumulative_periods[-1], True
    if hasattr(scheduler, 'total_steps'):
        return 'total_steps', begin + scheduler.total_steps, True
    if getattr(scheduler, 'milestones', None):
        return 'milestones', begin + max(scheduler.milestones), False
    if hasattr(scheduler, 'total_iters') and scheduler.end < _ENDLESS:
        warmup = hasattr(scheduler, 'factor')
        warmup |= getattr(scheduler, 'end_factor', 0) >= 1
        return 'end', scheduler.end, not warmup
    return None


def _to_match(key: str, option: str, begin: float, training: float) -> str:
    """Options, as on the command line, of a schedule that ends in time."""
    if option not in {'T_max', 'total_steps', 'end'} or training <= begin:
        return f'{key}.{option} to match'
    options = {option: training - begin, 'end': training}
    return ' '.join(f'{key}.{name}={x:g}' for name, x in options.items())


def schedule_ends(
    schedulers: list,
    configs: list,
    max_epochs: int,
    max_iters: int,
    key: str = 'param_scheduler',
) -> list[str]:
    """A sentence for each schedule that does not end when training does.

    Args:
        schedulers: As built.
        configs: What they were built from.
        max_epochs: When training ends; 0 where it is counted in iterations.
        max_iters: The same in iterations.
        key: Of the schedules in the config.
    """
    sentences = []
    for i, scheduler in enumerate(schedulers):
        config = configs[i] if i < len(configs) else {}
        name = f'{key}.{i} ({type(scheduler).__name__})'
        if scheduler.by_epoch and not max_epochs:
            sentences.append(
                f'{name} goes by epochs, training by iterations, so that it '
                f'changes nothing: set {key}.{i}.by_epoch=False'
            )
            continue
        shape = _shape(scheduler)
        if shape is None:
            continue
        option, last, over = shape
        unit, training, length = 'iteration', max_iters, 1.0
        if scheduler.by_epoch:
            unit, training = 'epoch', max_epochs
        elif config.get('convert_to_iter_based') and max_epochs:
            unit, length = 'epoch', max_iters / max_epochs
        goes_on = any(
            other is not scheduler
            and other.param_name == scheduler.param_name
            and min(other.end, training) > last
            for other in schedulers
        )
        if last > training or (last < training and over and not goes_on):
            end, stop = last / length, training / length
            begin = scheduler.begin / length
            sentences.append(
                f'{name} has its end at {unit} {end:g} ({key}.{i}.{option}), '
                f'but training ends at {unit} {stop:g}: '
                + (
                    'the rest of it never happens'
                    if last > training
                    else 'what it leads to is all that is left after it'
                )
                + f'. Set {_to_match(f"{key}.{i}", option, begin, stop)}'
            )
    return sentences


def over_after(
    schedulers: list, max_epochs: int, max_iters: int
) -> int | None:
    """After how many iterations nothing is left of the learning rate.

    Args:
        schedulers: As built.
        max_epochs: As for :func:`schedule_ends`.
        max_iters: As for :func:`schedule_ends`.

    Returns:
        None if it stays at some value, or that is not known.
    """
    found, others = [0.0], [0.0]
    for scheduler in schedulers:
        if scheduler.param_name != 'lr':
            continue
        shape = _shape(scheduler)
        _, last, over = shape or ('', scheduler.end, False)
        if scheduler.by_epoch and max_epochs:
            last *= max_iters / max_epochs
        (found if over else others).append(last)
    end = max(found)
    return round(end) if end >= max(others) and end else None
