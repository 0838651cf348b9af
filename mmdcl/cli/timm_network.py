"""Networks of OpenMMLab as timm has them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from ..checkpoints.architecture import plain_backbone
from ..checkpoints.comparison import differences
from ..checkpoints.export import rename
from ..checkpoints.stem import widened_stem
from ..config_parts import short_name
from ..errors import UserModuleNotFoundError, UserValueError
from .twins import timm_twin

_INSTEAD = 'any network can be exported by --style mmpretrain'
_STEM = 64  # of timm's ResNets, whatever their width
# Of a TIMMBackbone, what is no argument of the network itself.
_ASIDE = {'type', 'model_name', 'pretrained', 'in_channels', '_scope_'}
_ASIDE |= {'features_only', 'checkpoint_path'}


class TimmNetwork(NamedTuple):
    """A network of timm that computes what ours does.

    Attributes:
        name: By which timm has it.
        arguments: That ``timm.create_model`` needs beside the name.
        network: Without a classifier; its weights are of no interest.
        tensors: For its state dict.
        stem: Width of our stem, where it was made wider for timm; else None.
    """

    name: str
    arguments: dict[str, Any]
    network: nn.Module
    tensors: dict[str, Tensor]
    stem: int | None = None


def timm_network(
    name: str, arguments: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> TimmNetwork:
    """The network of a name, and tensors that must be all of it.

    Args:
        name: Of ``timm.list_models()``.
        arguments: As for ``timm.create_model``.
        tensors: By timm's names.

    Raises:
        UserModuleNotFoundError: timm is not installed.
        UserValueError: timm has no such network, or these are not its
            tensors.
    """
    import_timm()
    import timm

    if not timm.is_model(name):
        raise UserValueError(f'timm has no network {name}; {_INSTEAD}')
    try:
        network = timm.create_model(name, num_classes=0, **arguments)
    except (RuntimeError, TypeError, ValueError) as error:
        raise UserValueError(
            f'timm does not build {name} with {dict(arguments)}: {error}; '
            f'{_INSTEAD}'
        ) from error
    if wrong := differences(tensors, network.state_dict(), ()):
        raise UserValueError(f'this is not {name} of timm; {_INSTEAD}.{wrong}')
    return TimmNetwork(name, dict(arguments), network, dict(tensors))


def timm_resnet(depth: int, tensors: Mapping[str, Tensor]) -> TimmNetwork:
    """timm's ResNet of a depth, and of the widths of some tensors.

    Args:
        depth: 18, 34, 50, 101 or 152.
        tensors: Of OpenMMLab's.

    Raises:
        UserError: As for :func:`timm_network`.
    """
    first = [f'layer{i}.0.conv1.weight' for i in range(1, 5)]
    if missing := {'conv1.weight', *first} - tensors.keys():
        raise UserValueError(
            f'timm has no such ResNet-{depth}: it has a '
            f'{sorted(missing)[0]}; {_INSTEAD}'
        )
    widths = [len(tensors[name]) for name in first]
    stem, in_chans = tensors['conv1.weight'].shape[:2]
    arguments: dict[str, Any] = {}
    if widths != [64, 128, 256, 512]:
        arguments['channels'] = widths
    if in_chans != 3:
        arguments['in_chans'] = in_chans
    wider = widened_stem(tensors, _STEM)
    found = timm_network(f'resnet{depth}', arguments, wider)
    return found._replace(stem=stem if stem != _STEM else None)


def import_timm() -> None:
    """Nothing, or an error that says what is missing."""
    try:
        import timm  # noqa: F401
    except ImportError as error:
        raise UserModuleNotFoundError(
            '--style timm-hub needs timm, which writes the folder and proves '
            'that it computes the same: pip install timm'
        ) from error


def as_timm(
    ours: nn.Module, backbone: Mapping[str, Any]
) -> tuple[TimmNetwork, dict[str, Any]]:
    """As timm has it, and the config of a backbone with these tensors."""
    backbone = plain_backbone(backbone)
    tensors = ours.state_dict()
    if is_resnet(ours):
        theirs = timm_resnet(ours.depth, tensors)
        wider = {'stem_channels': _STEM} if theirs.stem else {}
        return theirs, backbone | wider
    if short_name(backbone['type']) == 'TIMMBackbone':
        bare = {k.removeprefix('timm_model.'): x for k, x in tensors.items()}
        arguments = {k: x for k, x in backbone.items() if k not in _ASIDE}
        if (channels := backbone.get('in_channels', 3)) != 3:
            arguments['in_chans'] = channels
        theirs = timm_network(backbone['model_name'], arguments, bare)
        return theirs, backbone
    name, arguments = timm_twin(ours)
    theirs = timm_network(name, arguments, rename(tensors, 'timm'))
    return theirs, _as_backbone(theirs)


def _as_backbone(theirs: TimmNetwork) -> dict[str, Any]:
    arguments = dict(theirs.arguments)
    arguments['in_channels'] = arguments.pop('in_chans', 3)
    return dict(type='mmdcl.TIMMBackbone', model_name=theirs.name, **arguments)


def is_resnet(ours: nn.Module) -> bool:
    return hasattr(ours, 'depth') and hasattr(ours, 'layer1')
