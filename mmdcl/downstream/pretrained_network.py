"""Build the network that a checkpoint names, as data and nothing more.

A config in a checkpoint was written by whoever made the file. mmengine's
registries import any dotted name that a config mentions and call it. Here
only layers and backbones are built that are registered already.
"""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from mmengine import registry as upstream
from mmengine.registry import DefaultScope, Registry, init_default_scope
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from ..checkpoints.architecture import plain_backbone
from ..errors import UserValueError

_SCOPES = ('mmpretrain', 'mmdet', 'mmseg', 'mmdcl', 'mmcv', 'mmengine')
_ROOMS = (
    'mmcv.cnn',
    'mmcv.ops',
    'mmdcl.models',
    'mmdet.models.backbones',
    'mmdet.models.layers',
    'mmengine.model',
    'mmpretrain.models.backbones',
    'mmpretrain.models.selfsup',
    'mmpretrain.models.utils',
    'mmseg.models.backbones',
    'mmseg.models.utils',
    'torch.nn',
)
# They hand strings to other libraries, which import, download or unpickle.
_CLOSED = (
    'mmpretrain.models.backbones.timm_backbone',
    'mmpretrain.models.utils.huggingface',
    'mmpretrain.models.utils.tokenizer',
    'mmpretrain.models.utils.vector_quantizer',
    'mmseg.models.backbones.timm_backbone',
    'mmseg.models.backbones.vpd',
)
_HINT = (
    '. If you trust where the checkpoint comes from, allow it by --trust, or '
    'give the config of the network by --config'
)


def _within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(f'{module}.'.startswith(f'{room}.') for room in rooms)


def _refused(name: Any) -> UserValueError:
    return UserValueError(
        f"the checkpoint's config names {name!r}, which is no backbone or "
        'layer registered in mmpretrain, mmdet, mmseg, mmcv or mmdcl (or one '
        'that hands names to other libraries), and so it is not built'
        f'{_HINT}'
    )


def _open(kind: Any) -> bool:
    """Whether a registered thing only builds a network, or fills one."""
    if not inspect.isclass(kind):
        return False
    module = kind.__module__
    if module == 'mmengine.model.weight_init':
        return kind.__name__ != 'PretrainedInit'
    known = _within(module, _ROOMS) and not _within(module, _CLOSED)
    return known and issubclass(kind, nn.Module)


def _registered(registry: Registry, key: str) -> type:
    """``Registry.get`` without importing anything."""
    if not isinstance(key, str):
        raise _refused(key)
    scope, name = Registry.split_scope_key(key)
    node = registry.root._search_child(scope) if scope else registry
    while node is not None:
        if name in node.module_dict:
            if _open(node.module_dict[name]):
                return node.module_dict[name]
            break
        node = node.parent
    raise _refused(key)


def _no_file(name: Any, *args: Any, **kwargs: Any) -> None:
    raise UserValueError(
        f"the checkpoint's config makes its network load {name!r}, and so it "
        f'is not built{_HINT}'
    )


@contextmanager
def registered_only() -> Iterator[None]:
    """Meanwhile registries give what is registered and open, or an error.

    No file is loaded, either: some networks take the name of one.
    """
    switch = Registry.switch_scope_and_registry

    def switch_to_known(registry: Registry, scope: str | None) -> Any:
        if scope is not None and scope not in _SCOPES:
            raise _refused(scope)
        return switch(registry, scope)

    with (
        patch.object(Registry, 'get', _registered),
        patch.object(Registry, 'switch_scope_and_registry', switch_to_known),
        patch.object(CheckpointLoader, 'load_checkpoint', _no_file),
        patch.object(torch, 'load', _no_file),
    ):
        yield


def _short(name: str) -> str:
    """A dotted name, as configs written in Python have, as a registered one.

    ``torch.nn.modules.activation.ReLU`` is ``ReLU``, and
    ``mmpretrain.models.ResNet`` is ``mmpretrain.ResNet``.
    """
    module, _, last = name.rpartition('.')
    if not module or module in _SCOPES:
        return name
    for scope in _SCOPES:
        node = upstream.MODELS._search_child(scope)
        for key, kind in node.module_dict.items() if node else ():
            if (
                getattr(kind, '__name__', None) == last
                and f'{kind.__module__}.'.startswith(f'{module}.')
                and _open(kind)
            ):
                return key if scope == 'mmengine' else f'{scope}.{key}'
    raise _refused(name)


def _checked(part: Any) -> Any:
    if isinstance(part, (list, tuple)):
        return type(part)(_checked(x) for x in part)
    if not isinstance(part, Mapping):
        return part
    scope = part.get('_scope_')
    if scope is not None and scope not in _SCOPES:
        raise _refused(scope)
    checked = {key: _checked(x) for key, x in part.items()}
    if 'type' in part:
        if not isinstance(part['type'], str):
            raise _refused(part['type'])
        checked['type'] = _short(part['type'])
    return checked


def network_config(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """A backbone's config out of a checkpoint, fit to be built.

    Without ``init_cfg`` at any depth, which would load or fetch other
    weights, and without SyncBN.

    Args:
        backbone: Of :func:`pretraining_config`.

    Raises:
        ValueError: It names what is not built for strangers.
    """
    _register()
    return _checked(plain_backbone(backbone))


def build_network(
    backbone: Mapping[str, Any], trust: bool = False
) -> nn.Module:
    """The backbone that a config describes, with random weights.

    It is built in the current default scope, by default ``mmpretrain``.

    Args:
        backbone: Of :func:`pretraining_config`, or of the user's own config.
        trust: It is the user's own, or its maker is trusted: build whatever
            it names.

    Raises:
        ValueError: It names what is not built for strangers, or cannot be
            built.
    """
    _register()
    if trust:
        return upstream.MODELS.build(plain_backbone(backbone))
    config = network_config(backbone)
    try:
        with registered_only():
            network = upstream.MODELS.build(config)
    except Exception as error:  # of any kind: the arguments are a stranger's
        if str(error).endswith(_HINT):
            raise UserValueError(str(error)) from error
        raise UserValueError(
            f'the network in the checkpoint, {config.get("type")!r}, cannot '
            f'be built: {type(error).__name__}: {error}. Give the config of '
            'the network by --config'
        ) from error
    if not isinstance(network, nn.Module):
        raise _refused(config.get('type'))
    return network


def _register() -> None:
    """Fill the registries of the current scope, before names are looked up."""
    if DefaultScope.get_current_instance() is None:
        init_default_scope('mmpretrain')
    import mmpretrain.models  # noqa: F401 - it takes seconds

    with upstream.MODELS.switch_scope_and_registry(None) as registry:
        registry.import_from_location()
