"""Where in a checkpoint the tensors of a backbone are."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..errors import UserValueError, few
from .layouts import main_tensors, named_tensors, numbered_as_resnet

# Of several copies: the one that is trained, or that its authors evaluate.
_PREFERRED = ('backbone.', '', 'encoder_q.', 'encoder.', 'base_encoder.')
_PREFERRED += ('online_encoder.net.', 'teacher.backbone.', 'teacher.')
_TIMM = 'timm_model.'
_FLAT = re.compile(r'^(stem|stages|layers|blocks)_(\d+)\.')


def _prefixes(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> Counter[str]:
    """How many of the wanted names follow each prefix."""
    counts: Counter[str] = Counter()
    for name in state:
        parts = name.split('.')
        for start in range(len(parts)):
            if '.'.join(parts[start:]) in wanted:
                counts['.'.join([*parts[:start], ''])[start == 0 :]] += 1
    return counts


def _best(
    state: dict[str, Tensor], wanted: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], str]:
    """Tensors by the names of ResNets, and the prefix of most wanted."""
    counts = _prefixes(state, wanted)
    numbered = numbered_as_resnet(state)
    if numbered.keys() != state.keys():
        others = _prefixes(numbered, wanted)
        if max(others.values(), default=0) > max(counts.values(), default=0):
            state, counts = numbered, others
    most = max(counts.values(), default=0)
    # Fewer are names that every network has somewhere, such as conv1.weight.
    if most < len(wanted) / 10:
        raise UserValueError(
            'the checkpoint does not hold this backbone; wanted names '
            f'like {", ".join(list(wanted)[:3])}, it has '
            f'{few([*state]) or "no tensors at all"}'
        )
    best = [prefix for prefix, count in counts.items() if count == most]
    for prefix in _PREFERRED:
        if prefix in best:
            return state, prefix
    if len(best) > 1:
        raise UserValueError(
            f'the checkpoint holds this backbone {len(best)} times, under '
            f'{", ".join(map(repr, sorted(best)))}; choose one by `prefix` '
            '(--prefix on the command line)'
        )
    return state, best[0]


def _below(checkpoint: Mapping[str, Any], prefix: str) -> dict[str, Tensor]:
    """Tensors whose names begin with a prefix, without it."""
    state = main_tensors(checkpoint)
    for names in (state, named_tensors(checkpoint)):
        below = {
            name.removeprefix(prefix): tensor
            for name, tensor in names.items()
            if name.startswith(prefix)
        }
        if below:
            return below
    raise UserValueError(
        f'nothing in the checkpoint is named {prefix}*; it has {few([*state])}'
    )


def _of_timm(
    checkpoint: Mapping[str, Any],
    wanted: Mapping[str, Tensor],
    prefix: str | None,
) -> tuple[dict[str, Tensor], str]:
    """For a network of timm in OpenMMLab's wrapper: by timm's own names.

    Where it gives the maps of all stages, timm names ``stages.0`` as
    ``stages_0``.
    """
    ours = {
        _FLAT.sub(r'\1.\2.', name.removeprefix(_TIMM)): name for name in wanted
    }
    bare = {name: wanted[long] for name, long in ours.items()}
    theirs, found = locate(checkpoint, bare, prefix)
    children = {name.partition('.')[0] for name in bare}
    return {
        ours.get(name, f'{_TIMM}{name}'): tensor
        for name, tensor in theirs.items()
        if name in ours
        or name.partition('.')[0] in children - {'head'}  # the classifier
    }, found


def locate(
    checkpoint: Mapping[str, Any],
    wanted: Mapping[str, Tensor],
    prefix: str | None = None,
) -> tuple[dict[str, Tensor], str]:
    """All below the prefix that most of the wanted names follow.

    Args:
        checkpoint: Of :func:`read_checkpoint`.
        wanted: State dict of the backbone.
        prefix: The beginning of the path to them; ``''`` if they are named
            as wanted. Default: found out.

    Returns:
        Tensors by their names without the prefix, wanted or not, and it.

    Raises:
        ValueError: They are nowhere, or in several places.
    """
    if wanted and all(name.startswith(_TIMM) for name in wanted):
        return _of_timm(checkpoint, wanted, prefix)
    if prefix == '':
        return main_tensors(checkpoint), ''
    chosen = f'{prefix.rstrip(".")}.' if prefix else ''
    state = _below(checkpoint, chosen) if chosen else main_tensors(checkpoint)
    state, within = _best(state, wanted)
    theirs = {
        name.removeprefix(within): tensor
        for name, tensor in state.items()
        if name.startswith(within)
    }
    return theirs, chosen + within
