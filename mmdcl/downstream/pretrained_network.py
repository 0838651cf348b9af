"""Build the network that a checkpoint names, as data and nothing more."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from mmengine import registry as upstream
from mmengine.registry import DefaultScope, init_default_scope
from torch import nn

from ..checkpoints.architecture import plain_backbone
from ..constructors import arguments
from ..errors import UserValueError
from ..registry import MODELS as OURS
from .strangers import HINT, NETWORK, Allowed, checked, registered_only


def network_config(
    backbone: Mapping[str, Any], allowed: Allowed = NETWORK
) -> dict[str, Any]:
    """A backbone's config out of a checkpoint, fit to be built.

    Without ``init_cfg`` at any depth, which would load or fetch other
    weights, and without SyncBN.

    Args:
        backbone: Of :func:`pretraining_config`.

    Raises:
        ValueError: It names what is not built for strangers.
    """
    _register()
    return checked(plain_backbone(backbone), allowed)


@contextmanager
def _no_larger(most: int) -> Iterator[None]:
    """Meanwhile a network of more parameters is an error.

    They are counted before they are filled, which is what takes memory.
    """
    register, total = nn.Module.register_parameter, 0

    def counted(module: nn.Module, name: str, parameter: Any) -> None:
        nonlocal total
        total += 0 if parameter is None else parameter.numel()
        if total > most:
            raise ValueError(
                f'it has more than {most:,} parameters, and the file holds '
                'by far fewer'
            )
        register(module, name, parameter)

    with patch.object(nn.Module, 'register_parameter', counted):
        yield


def largest_network(checkpoint: Any) -> int:
    """How many parameters a network may have whose weights are in a file.

    Twice what is there: wrong configs are told by names and shapes. And what
    some, such as RegNet, make first and replace: a whole ResNet-50.
    """
    return 2 * _numbers_in(checkpoint) + 10**8


def _numbers_in(part: Any) -> int:
    if isinstance(part, torch.Tensor):
        return part.numel()
    values = part.values() if isinstance(part, Mapping) else ()
    return sum(map(_numbers_in, values))


def build_network(
    backbone: Mapping[str, Any],
    trust: bool = False,
    allowed: Allowed = NETWORK,
    most: int = 10**10,
) -> nn.Module:
    """The backbone that a config describes, with random weights.

    It is built in the current default scope, by default ``mmpretrain``.

    Args:
        backbone: Of :func:`pretraining_config`, or of the user's own config.
        trust: It is the user's own, or its maker is trusted: build whatever
            it names.
        allowed: What is built otherwise.
        most: Parameters of what is: of :func:`largest_network`.

    Raises:
        ValueError: It names what is not built for strangers, or cannot be
            built.
    """
    _register()
    if trust:
        return upstream.MODELS.build(plain_backbone(backbone))
    config = network_config(backbone, allowed)
    try:
        with registered_only(allowed), _no_larger(most):
            network = upstream.MODELS.build(config)
    except Exception as error:  # of any kind: the arguments are a stranger's
        if str(error).endswith(HINT):
            raise UserValueError(str(error)) from error
        raise UserValueError(
            f'the network in the checkpoint, {config.get("type")!r}, cannot '
            f'be built: {type(error).__name__}: {error}. Give the config of '
            'the network by --config'
        ) from error
    if not isinstance(network, nn.Module):
        raise allowed.refused(config.get('type'))
    return network


def without_masks(theirs: dict, network: nn.Module) -> tuple[dict, nn.Module]:
    """The plain network of one that is for pretraining only.

    Those of MAE and others mask their images.

    Args:
        theirs: Config of a network.
        network: As built of it.

    Returns:
        Both of the plain one, which are the same if it is one.

    Raises:
        ValueError: It works in pretraining only.
    """
    kind = type(network)
    if not kind.__module__.startswith('mmpretrain.models.selfsup'):
        return theirs, network
    plain = next(
        (
            base
            for base in kind.__mro__
            if base.__module__.startswith('mmpretrain.models.backbones')
        ),
        None,
    )
    if plain is None:
        raise UserValueError(
            f'{kind.__name__} works in pretraining only; give the '
            'weights of a plain network'
        )
    defaults = {
        name: parameter.default
        for name, parameter in arguments(kind).known.items()
        if parameter is not None and parameter.default is not parameter.empty
    }
    taken = arguments(plain).known
    settings = {
        name: value
        for name, value in {**defaults, **theirs}.items()
        if name in taken and name != 'init_cfg'
    }
    if getattr(network, 'cls_token', None) is not None:
        settings['out_type'] = 'cls_token'
    if isinstance(settings.get('arch'), str):  # some names are theirs alone
        settings['arch'] = getattr(network, 'arch_settings', settings['arch'])
    print(f'{plain.__name__} instead of {kind.__name__}, of pretraining only')
    return {**settings, 'type': plain.__name__}, plain(**settings)


def _register() -> None:
    """Fill the registries of the current scope, before names are looked up."""
    if DefaultScope.get_current_instance() is None:
        init_default_scope('mmpretrain')
    import mmpretrain.models  # noqa: F401 - it takes seconds

    OURS.import_from_location()
    with upstream.MODELS.switch_scope_and_registry(None) as registry:
        registry.import_from_location()
