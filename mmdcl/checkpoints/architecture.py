"""What network and preprocessing a checkpoint was trained with."""

import ast
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..config_parts import part, preprocessor_of
from ..errors import UserValueError
from ..sync_bn import without_sync_bn
from .channels import channel_order, trained_order, turns_around
from .config_text import as_data, assignments

_INSTEAD = 'give the config of its network by --config'


def _refuse(node: ast.expr) -> None:
    raise ValueError(ast.unparse(node))


def pretraining_config(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The config that mmengine wrote into a checkpoint, or mmdcl beside one.

    It is read as data, never run: a config is Python code, and a checkpoint
    may come from anywhere.

    Args:
        checkpoint: Of :func:`mmdcl.checkpoints.read_checkpoint`.

    Returns:
        Its variables that are plain data, for instance ``model``; empty
        where the checkpoint holds no config.

    Raises:
        ValueError: It is no config, ``model`` holds more than data, or mean
            or std are none.
    """
    config = _written(checkpoint)
    _check_normalisation(config)
    return config


def _written(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    text = part(checkpoint, 'meta').get('cfg')
    if not isinstance(text, str):  # a `.safetensors`, or without any
        network = part(checkpoint, 'meta', 'network')
        return dict(network) if isinstance(network.get('model'), dict) else {}
    try:
        assigned = assignments(text)
    except ValueError as error:
        raise UserValueError(
            f'the config in the checkpoint {error}; {_INSTEAD}'
        ) from error
    variables = {}
    for name, node in assigned.items():
        try:
            variables[name] = as_data(node, _refuse)
        except (ValueError, RecursionError) as error:
            if name == 'model':
                raise UserValueError(
                    '`model` of the config in the checkpoint is more than '
                    f'plain data ({str(error)[:80]}), and nothing in it is '
                    f'run; {_INSTEAD}'
                ) from error
    if not isinstance(variables.get('model', {}), dict):
        raise UserValueError(
            '`model` of the config in the checkpoint is no dict but '
            f'{str(variables["model"])[:80]!r}; {_INSTEAD}'
        )
    return variables


def _check_normalisation(config: Mapping[str, Any]) -> None:
    """Let mean and std pass by which images can be normalised."""
    then = preprocessor_of(config)
    if not isinstance(then, Mapping):
        raise UserValueError(
            '`data_preprocessor` of the config in the checkpoint is no dict '
            f'but {str(then)[:80]!r}; {_INSTEAD}'
        )
    for key in ('mean', 'std'):
        numbers = then.get(key)
        if numbers is None:
            continue
        plain = isinstance(numbers, (list, tuple)) and all(
            isinstance(x, (int, float)) and math.isfinite(x) for x in numbers
        )
        if not plain or (key == 'std' and not all(x > 0 for x in numbers)):
            raise UserValueError(
                f'`data_preprocessor.{key}` of the config in the checkpoint '
                'should be a list of a number for each channel'
                f'{", above 0" if key == "std" else ""}; got '
                f'{str(numbers)[:80]!r}; {_INSTEAD}'
            )


def pretrained_backbone(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The config of the backbone of a checkpoint, or an empty dict.

    It is data, and names what is to be built: build it by
    :func:`mmdcl.downstream.pretrained_network.build_network` only.

    Args:
        checkpoint: Of :func:`mmdcl.checkpoints.read_checkpoint`.

    Raises:
        ValueError: As for :func:`pretraining_config`, or it is no dict with
            a ``type``.
    """
    backbone = pretraining_config(checkpoint).get('model', {}).get('backbone')
    if not backbone:
        return {}
    if not isinstance(backbone, dict) or 'type' not in backbone:
        raise UserValueError(
            '`model.backbone` of the config in the checkpoint is no dict '
            f'with `type` but {str(backbone)[:80]!r}; {_INSTEAD}'
        )
    return backbone


def plain_backbone(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """A backbone's config without its initialisation and SyncBN.

    Such a network can be built anywhere, and has the same weights. Both are
    left out at any depth: an ``init_cfg``, like a ``pretrained``, may name a
    file to be loaded, or, in a network of timm, weights to be fetched.
    """

    def plain(part: Any) -> Any:
        if isinstance(part, (list, tuple)):
            return type(part)(map(plain, part))
        if not isinstance(part, Mapping):
            return part
        return {
            key: plain(x)
            for key, x in part.items()
            if key not in ('init_cfg', 'checkpoint_path')
            and not (key == 'pretrained' and isinstance(x, (str, bool)))
        }

    return plain(without_sync_bn(backbone))


def check_style(checkpoint: Mapping[str, Any], *parts: nn.Module) -> None:
    """Compare where two ResNets of the same weights put their stride.

    Args:
        checkpoint: Of :func:`mmdcl.checkpoints.read_checkpoint`; one without
            a config passes.
        *parts: To be loaded.

    Raises:
        ValueError: One is of style ``pytorch``, the other ``caffe``.
    """
    pretrained = pretrained_backbone(checkpoint)
    if not pretrained:
        return
    theirs = pretrained.get('style', 'pytorch')
    styles = {
        getattr(module, 'style', None)
        for part in parts
        for module in part.modules()
    }
    if other := (styles & {'pytorch', 'caffe'}) - {theirs}:
        raise UserValueError(
            f'the backbone was pretrained with style={theirs!r} and is of '
            f'style={other.pop()!r} here: the same names and shapes, but '
            f'other strides; set style={theirs!r} in model.backbone and in '
            'model.roi_head.shared_head'
        )


def preprocessing_differences(
    checkpoint: Mapping[str, Any],
    preprocessor: nn.Module | None,
    dataset: Any = None,
) -> list[str]:
    """How images reached the network in pretraining, where not as here.

    Args:
        checkpoint: Of :func:`mmdcl.checkpoints.read_checkpoint`; one without
            a config differs in nothing.
        preprocessor: The data preprocessor of the model to be trained.
        dataset: Config of the images to be trained on, where it is known:
            some come as RGB.

    Returns:
        A phrase for each of mean, std and order of channels that differs.
    """
    pretraining = pretraining_config(checkpoint)
    then = preprocessor_of(pretraining)
    if not then:
        return []
    phrases = []
    for key in ('mean', 'std'):
        before = [float(x) for x in then.get(key) or ()]
        # As the preprocessor has them: .8575 is rounded otherwise there.
        before = torch.tensor(before, dtype=torch.float32).tolist()
        before = [round(x, 3) for x in before]
        now = getattr(preprocessor, key, None)
        now = [] if now is None else now.flatten().tolist()
        now = [round(float(x), 3) for x in now]
        if before != now:
            phrases.append(f'{key} {before or "none"}, here {now or "none"}')
    before = turns_around(then)
    now = getattr(preprocessor, 'to_rgb', False)  # ClsDataPreprocessor
    now = bool(getattr(preprocessor, '_channel_conversion', now))
    orders = trained_order(pretraining), channel_order(dataset, now)
    if None not in orders:
        if orders[0] != orders[1]:
            then_order, here = (str(order).upper() for order in orders)
            phrases.append(f'images in {then_order}, here in {here}')
    elif before != now:
        turned = {True: 'turned around', False: 'as the dataset gives them'}
        phrases.append(f'channels {turned[before]}, here {turned[now]}')
    return phrases
