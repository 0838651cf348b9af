"""What of a stranger's config is built: what is registered, and open.

A config in a checkpoint was written by whoever made the file. mmengine's
registries import any dotted name that a config mentions and call it. Here
only layers and backbones pass that are registered already.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import product
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from mmengine import registry as upstream
from mmengine.registry import Registry
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from ..errors import UserModuleNotFoundError, UserValueError

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
    'mmpretrain.models.utils.huggingface',
    'mmpretrain.models.utils.tokenizer',
    'mmpretrain.models.utils.vector_quantizer',
    'mmseg.models.backbones.timm_backbone',
    'mmseg.models.backbones.vpd',
)
_NUMBERS = (bool, int, float, type(None))
# Which of timm's arguments are names of timm's own.
_TIMM_NAMES = ('global_pool', 'act_layer')
HINT = (
    '. If you trust where the checkpoint comes from, allow it by --trust, or '
    'give the config of the network by --config'
)


def within(module: str, rooms: tuple[str, ...]) -> bool:
    """Whether a module is one of these or below one."""
    return any(f'{module}.'.startswith(f'{room}.') for room in rooms)


class Allowed(NamedTuple):
    """What is built for strangers.

    Attributes:
        what: In words.
        is_open: Whether a registered thing is such.
        registries: Where dotted names are looked up.
    """

    what: str
    is_open: Callable[[Any], bool]
    registries: tuple[Registry, ...]

    def refused(self, name: Any) -> UserValueError:
        return UserValueError(
            f"the checkpoint's config names {name!r}, which is no "
            f'{self.what} registered in mmpretrain, mmdet, mmseg, mmcv or '
            'mmdcl (or one that hands names to other libraries), and so it '
            f'is not built{HINT}'
        )


def is_network(kind: Any, rooms: tuple[str, ...] = ()) -> bool:
    """Whether a registered thing only builds a network, or fills one.

    Args:
        kind: What is registered.
        rooms: Modules of such things, beside those of backbones and layers.
    """
    if not inspect.isclass(kind):
        return False
    module = kind.__module__
    if module == 'mmengine.model.weight_init':
        return kind.__name__ != 'PretrainedInit'
    known = within(module, _ROOMS + rooms) and not within(module, _CLOSED)
    return known and issubclass(kind, nn.Module)


NETWORK = Allowed('backbone or layer', is_network, (upstream.MODELS,))


def _of_timm(kind: type, allowed: Allowed) -> Callable[..., nn.Module]:
    """Builds networks of timm's own list, by numbers and without weights.

    A string may be the address of a file, or of a class.
    """

    def build(model_name: Any, **kwargs: Any) -> nn.Module:
        for key, value in kwargs.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            plain = all(isinstance(x, _NUMBERS) for x in values)
            if not (plain or key in _TIMM_NAMES) or key == 'pretrained':
                raise allowed.refused(f'{key}={value!r} of {kind.__name__}')
        if find_spec('timm') is None:
            raise UserModuleNotFoundError(
                f'{model_name} is a network of timm: pip install timm'
            )
        import timm

        if not isinstance(model_name, str) or not timm.is_model(model_name):
            raise allowed.refused(f'{model_name!r} of {kind.__name__}')
        return kind(model_name=model_name, **kwargs)

    return build


def _registered(allowed: Allowed) -> Callable[[Registry, str], type]:
    """``Registry.get`` without importing anything."""

    def get(registry: Registry, key: str) -> type:
        if not isinstance(key, str):
            raise allowed.refused(key)
        scope, name = Registry.split_scope_key(key)
        node = registry.root._search_child(scope) if scope else registry
        while node is not None:
            if name in node.module_dict:
                kind = node.module_dict[name]
                if not allowed.is_open(kind):
                    break
                if kind.__name__ == 'TIMMBackbone':
                    return _of_timm(kind, allowed)
                return kind
            node = node.parent
        raise allowed.refused(key)

    return get


def _no_file(name: Any, *args: Any, **kwargs: Any) -> None:
    raise UserValueError(
        f"the checkpoint's config makes its network load {name!r}, and so it "
        f'is not built{HINT}'
    )


@contextmanager
def registered_only(allowed: Allowed = NETWORK) -> Iterator[None]:
    """Meanwhile registries give what is registered and open, or an error.

    No file is loaded, either: some networks take the name of one.
    """
    switch = Registry.switch_scope_and_registry

    def switch_to_known(registry: Registry, scope: str | None) -> Any:
        if scope is not None and scope not in _SCOPES:
            raise allowed.refused(scope)
        return switch(registry, scope)

    with (
        patch.object(Registry, 'get', _registered(allowed)),
        patch.object(Registry, 'switch_scope_and_registry', switch_to_known),
        patch.object(CheckpointLoader, 'load_checkpoint', _no_file),
        patch.object(torch, 'load', _no_file),
    ):
        yield


def _short(name: str, allowed: Allowed) -> str:
    """A dotted name, as configs written in Python have, as a registered one.

    ``torch.nn.modules.activation.ReLU`` is ``ReLU``, and
    ``mmpretrain.models.ResNet`` is ``mmpretrain.ResNet``.
    """
    module, _, last = name.rpartition('.')
    if not module or module in _SCOPES:
        return name
    for registry, scope in product(allowed.registries, _SCOPES):
        node = registry._search_child(scope)
        for key, kind in node.module_dict.items() if node else ():
            if (
                getattr(kind, '__name__', None) == last
                and f'{kind.__module__}.'.startswith(f'{module}.')
                and allowed.is_open(kind)
            ):
                return key if scope == 'mmengine' else f'{scope}.{key}'
    raise allowed.refused(name)


def checked(part: Any, allowed: Allowed = NETWORK) -> Any:
    """A config of which each scope is known and each type is a name.

    Raises:
        ValueError: It is not so.
    """
    if isinstance(part, (list, tuple)):
        return type(part)(checked(x, allowed) for x in part)
    if not isinstance(part, Mapping):
        return part
    scope = part.get('_scope_')
    if scope is not None and scope not in _SCOPES:
        raise allowed.refused(scope)
    same = {key: checked(x, allowed) for key, x in part.items()}
    if 'type' in part:
        if not isinstance(part['type'], str):
            raise allowed.refused(part['type'])
        same['type'] = _short(part['type'], allowed)
    return same
