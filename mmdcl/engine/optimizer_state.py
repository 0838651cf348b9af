"""Whether the state of one optimizer is a state of another."""

import re
from typing import Any

import torch

from ..errors import UserValueError
from .resume_changes import REFUSED, Change
from .schedule import optimizers

# Settings of optimizers of no matter here: of schedules and of newer torch.
_HOW = re.compile(
    'params|lr|(initial|max|min)_|foreach|maximize|capturable|differentiable|'
    'fused|decoupled_weight_decay'
)


def optimizer_changes(runner, loaded: Any) -> list[Change]:
    """Why the state of an optimizer is not one that this run can take."""
    if not isinstance(loaded, dict):
        loaded = {}
    changes = []
    for name, wrapper, _ in optimizers(runner):
        theirs = loaded.get(name) if name else loaded
        if reason := _misfit(theirs, wrapper.optimizer):
            at = f'optimizer state{f" of {name}" if name else ""}'
            changes.append(Change(at, *reason, REFUSED))
    return changes


def scheduler_changes(runner, loaded: Any) -> list[Change]:
    """Another number of schedules than the checkpoint has states of."""
    changes = []
    for name, _, schedulers in optimizers(runner):
        states = loaded
        if isinstance(runner.param_schedulers, dict):
            states = loaded.get(name) if isinstance(loaded, dict) else None
        if not isinstance(states, list) or not all(
            isinstance(state, dict) for state in states
        ):
            raise UserValueError(
                'the checkpoint cannot be resumed: its `param_schedulers` are '
                'not states of schedules'
            )
        if len(states) != len(schedulers):
            counts = str(len(states)), str(len(schedulers))
            changes.append(Change('param_schedulers', *counts, REFUSED))
    return changes


def _misfit(theirs: Any, optimizer: torch.optim.Optimizer) -> tuple | None:
    """What the states of two optimizers are of, if not of the same."""
    groups = theirs.get('param_groups') if isinstance(theirs, dict) else None
    state = theirs.get('state') if groups else None
    if (
        not isinstance(state, dict)
        or not all(isinstance(x, dict) for x in state.values())
        or not all(
            isinstance(group, dict)
            and isinstance(group.get('params'), list)
            and isinstance(group.get('lr'), (int, float, torch.Tensor))
            for group in groups
        )
    ):
        raise UserValueError(
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
        for x in state.get(name, {}).values():
            shape = getattr(x, 'shape', ())  # () of a count of steps
            if shape and shape != parameter.shape:
                shapes = tuple(shape), tuple(parameter.shape)
                return tuple(f'a parameter {each}' for each in shapes)
    return None
