"""Find a backbone in a checkpoint, and load all of it or none."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import UserValueError
from .architecture import check_style
from .comparison import differences, listed, networks
from .locating import locate
from .reading import read_checkpoint


class BackboneWeights(NamedTuple):
    """A backbone as found in a checkpoint.

    Attributes:
        tensors: By the names of the backbone itself.
        prefix: What stood before these names, for instance ``'backbone.'``.
    """

    tensors: dict[str, Tensor]
    prefix: str


def _plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and tensor.device.type != 'meta'


def find_backbone(
    checkpoint: Mapping[str, Any],
    wanted: Mapping[str, Tensor],
    prefix: str | None = None,
    optional: Collection[str] = (),
) -> BackboneWeights:
    """All tensors of a backbone in a checkpoint.

    Bare, prefixed, wrapped (DDP), nested, EMA and exported files are
    recognised, and ResNets whose children are numbered. Classifier, neck and
    head do not matter. Of two copies the one that is trained is taken, or
    DINO's teacher. With mmengine's ``EMAHook`` that is the *average*, which
    the hook writes into ``state_dict``; the weights of the last iteration are
    reached by ``prefix='ema_state_dict'`` then.

    Args:
        checkpoint: Of :func:`read_checkpoint`.
        wanted: State dict of the backbone.
        prefix: Where several backbones are: which. The beginning of the path
            to its tensors, through dicts, too. Default: found out.
        optional: Beginnings of names that may be absent, such as norms that
            only a detector has.

    Raises:
        ValueError: A tensor is missing, has another shape, is not finite, or
            belongs to a backbone that ``wanted`` is only a part of. The
            message lists them.
    """
    theirs, prefix = locate(checkpoint, wanted, prefix)
    if wrong := differences(theirs, wanted, optional):
        raise UserValueError(
            f'not all of the {len(wanted)} tensors of the backbone come from '
            f'the checkpoint (prefix {prefix!r}), so it is not that '
            f'architecture.{wrong}{networks(theirs, wanted)}'
        )
    tensors = {name: theirs[name] for name in wanted if name in theirs}
    empty = [name for name, tensor in tensors.items() if not _plain(tensor)]
    if empty:
        raise UserValueError(
            f'the checkpoint has {listed("without values", empty)}'
        )
    bad = [
        name for name, tensor in tensors.items() if not tensor.isfinite().all()
    ]
    if bad:
        raise UserValueError(f'the checkpoint has {listed("not finite", bad)}')
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
    optional: Collection[str] = (),
) -> BackboneWeights:
    """Load a backbone: all of it, or an error and none.

    Args:
        model: Changed in place.
        checkpoint: File, or what :func:`read_checkpoint` found in one.
        prefix: As for :func:`find_backbone`.
        backbone: As for :func:`backbone_names`.
        optional: As for :func:`find_backbone`.

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
    found = find_backbone(checkpoint, wanted, prefix, optional)
    places = _places(model, backbone)
    check_style(checkpoint, *map(model.get_submodule, places))
    model.load_state_dict(
        {names[name]: tensor for name, tensor in found.tensors.items()},
        strict=False,
    )
    return found
