"""Find a backbone in a checkpoint, and load all of it or none."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from .architecture import check_style
from .export import from_detectron2
from .reading import read_checkpoint

_CONTAINERS = ('state_dict', 'model', 'model_state_dict', 'ema_state_dict')
_PREFERRED = ('backbone.', '', 'encoder_q.', 'encoder.')
_SHOWN = 10


class BackboneWeights(NamedTuple):
    """A backbone as found in a checkpoint.

    Attributes:
        tensors: By the names of the backbone itself.
        prefix: What stood before these names, for instance ``'backbone.'``.
    """

    tensors: dict[str, Tensor]
    prefix: str


def _state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors by name, without what wrappers put into names."""
    for name in _CONTAINERS:
        if isinstance(checkpoint.get(name), Mapping):
            checkpoint = checkpoint[name]
            break
    state = {}
    for name, tensor in checkpoint.items():
        if isinstance(tensor, Tensor):
            name = name.replace('_orig_mod.', '')
            while name.startswith('module.'):
                name = name.removeprefix('module.')
            state[name] = tensor
    if any('stem.conv1.norm.' in name for name in state):
        return {from_detectron2(name): x for name, x in state.items()}
    return state


def _prefix(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """What stands before most of the wanted names."""
    found: Counter[str] = Counter()
    for name in state:
        parts = name.split('.')
        for start in range(len(parts)):
            if '.'.join(parts[start:]) in wanted:
                found['.'.join([*parts[:start], ''])[start == 0 :]] += 1
    if not found:
        shown = ', '.join(list(state)[:5]) or 'no tensors at all'
        raise ValueError(
            'the checkpoint holds no tensor of this backbone; wanted names '
            f'like {", ".join(list(wanted)[:3])}, it has {shown}'
        )
    most = max(found.values())
    best = [prefix for prefix, count in found.items() if count == most]
    for prefix in _PREFERRED:
        if prefix in best:
            return prefix
    if len(best) > 1:
        raise ValueError(
            f'the checkpoint holds this backbone {len(best)} times, under '
            f'{", ".join(map(repr, sorted(best)))}; choose one by `prefix`'
        )
    return best[0]


def _optional(name: str) -> bool:
    return name.endswith('num_batches_tracked')


def _list(title: str, names: list[str]) -> str:
    more = f', and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return f'{len(names)} {title}: {", ".join(names[:_SHOWN])}{more}'


def find_backbone(
    checkpoint: Mapping[str, Any],
    wanted: Mapping[str, Tensor],
    prefix: str | None = None,
) -> BackboneWeights:
    """All tensors of a backbone in a checkpoint.

    Bare, ``backbone.``-prefixed, ``module.``-prefixed (DDP), EMA and exported
    files are recognised. Classifier, neck and head do not matter.

    Args:
        checkpoint: Of :func:`read_checkpoint`.
        wanted: State dict of the backbone.
        prefix: Where several backbones are: which. Default: found out.

    Raises:
        ValueError: A tensor is missing, has another shape, is not finite, or
            belongs to a backbone that ``wanted`` is only a part of. The
            message lists them.
    """
    state = _state(checkpoint)
    if prefix is None:
        prefix = _prefix(state, wanted)
    elif prefix:
        prefix = prefix.rstrip('.') + '.'
    theirs = {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }
    if not theirs:
        raise ValueError(
            f'nothing in the checkpoint is named {prefix}*; it has '
            f'{", ".join(list(state)[:5])}'
        )
    children = {name.partition('.')[0] for name in wanted}
    missing = [n for n in wanted if n not in theirs and not _optional(n)]
    unexpected = [
        name
        for name in theirs
        if name not in wanted and name.partition('.')[0] in children
    ]
    other = [
        f'{name} {tuple(theirs[name].shape)} instead of {tuple(tensor.shape)}'
        for name, tensor in wanted.items()
        if name in theirs and theirs[name].shape != tensor.shape
    ]
    if missing or unexpected or other:
        lists = [
            _list(title, names)
            for title, names in (
                ('missing', missing),
                ('unexpected', unexpected),
                ('of another shape', other),
            )
            if names
        ]
        raise ValueError(
            f'not all of the {len(wanted)} tensors of the backbone come from '
            f'the checkpoint (prefix {prefix!r}), so it is not that '
            f'architecture.\n  ' + '\n  '.join(lists)
        )
    tensors = {name: theirs[name] for name in wanted if name in theirs}
    bad = [
        name for name, tensor in tensors.items() if not tensor.isfinite().all()
    ]
    if bad:
        raise ValueError(f'the checkpoint has {_list("not finite", bad)}')
    return BackboneWeights(tensors, prefix)


def backbone_names(model: nn.Module, backbone: str = '') -> dict[str, str]:
    """Names of a backbone's tensors: in itself, and in the whole model.

    A detector of type C4 has the last stage of its backbone in
    ``roi_head.shared_head``; it belongs to the backbone here, without the
    norm that some recipes add to it.

    Args:
        model: The whole model.
        backbone: The module in it, or ``''`` if the model is the backbone.
    """
    return {
        name: f'{place}.{name}'.removeprefix('.')
        for place in _places(model, backbone)
        for name in model.get_submodule(place).state_dict()
        if place == backbone or name.startswith('layer')
    }


def _places(model: nn.Module, backbone: str) -> list[str]:
    roi_head = getattr(model, 'roi_head', None)
    if getattr(roi_head, 'shared_head', None) is None:
        return [backbone]
    return [backbone, 'roi_head.shared_head']


def load_backbone(
    model: nn.Module,
    checkpoint: str | Path | Mapping[str, Any],
    prefix: str | None = None,
    backbone: str = '',
) -> BackboneWeights:
    """Load a backbone: all of it, or an error and none.

    Args:
        model: Changed in place.
        checkpoint: File, or what :func:`read_checkpoint` found in one.
        prefix: As for :func:`find_backbone`.
        backbone: As for :func:`backbone_names`.

    Raises:
        AttributeError: The model has no such module.
        FileNotFoundError: There is no such file.
        ValueError: As for :func:`read_checkpoint`, :func:`find_backbone` and
            :func:`check_style`.
    """
    if not isinstance(checkpoint, Mapping):
        checkpoint = read_checkpoint(checkpoint)
    names = backbone_names(model, backbone)
    state = model.state_dict()
    wanted = {name: state[long] for name, long in names.items()}
    found = find_backbone(checkpoint, wanted, prefix)
    places = _places(model, backbone)
    check_style(checkpoint, *map(model.get_submodule, places))
    model.load_state_dict(
        {names[name]: tensor for name, tensor in found.tensors.items()},
        strict=False,
    )
    return found
