"""What network and preprocessing a checkpoint was trained with."""

import ast
from collections.abc import Mapping
from typing import Any

from torch import nn


def _value(node: ast.expr) -> Any:
    """A literal, or ``dict(...)`` of such."""
    if isinstance(node, ast.Call):
        named_dict = isinstance(node.func, ast.Name) and node.func.id == 'dict'
        if not named_dict or node.args:
            raise ValueError(ast.unparse(node))
        return {key.arg: _value(key.value) for key in node.keywords}
    if isinstance(node, ast.Dict):
        keys = [_value(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_value, node.values), strict=True))
    if isinstance(node, (ast.List, ast.Tuple)):
        kind = list if isinstance(node, ast.List) else tuple
        return kind(_value(element) for element in node.elts)
    return ast.literal_eval(node)


def pretraining_config(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The config that mmengine wrote into a checkpoint.

    It is read as data, never run: a config is Python code, and a checkpoint
    may come from anywhere.

    Args:
        checkpoint: Of :func:`mmdcl.checkpoints.read_checkpoint`.

    Returns:
        Its variables that are plain data, for instance ``model``; empty
        where the checkpoint holds no config.
    """
    text = (checkpoint.get('meta') or {}).get('cfg')
    if not isinstance(text, str):
        return {}
    found = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Name):
                try:
                    found[target.id] = _value(statement.value)
                except ValueError:
                    continue
    return found


def plain_backbone(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """A backbone's config without its initialisation and SyncBN.

    Such a network can be built anywhere, and has the same weights.
    """
    plain = {key: x for key, x in backbone.items() if key != 'init_cfg'}
    if norm := plain.get('norm_cfg'):
        kind = norm['type'].replace('SyncBN', 'BN')
        plain['norm_cfg'] = {**norm, 'type': kind}
    return plain


def check_style(checkpoint: Mapping[str, Any], *parts: nn.Module) -> None:
    """Compare where two ResNets of the same weights put their stride.

    Args:
        checkpoint: Of :func:`mmdcl.checkpoints.read_checkpoint`; one without
            a config passes.
        *parts: To be loaded.

    Raises:
        ValueError: One is of style ``pytorch``, the other ``caffe``.
    """
    model = pretraining_config(checkpoint).get('model') or {}
    pretrained = model.get('backbone')
    if not pretrained:
        return
    theirs = pretrained.get('style', 'pytorch')
    found = {
        getattr(module, 'style', None)
        for part in parts
        for module in part.modules()
    }
    if other := (found & {'pytorch', 'caffe'}) - {theirs}:
        raise ValueError(
            f'the backbone was pretrained with style={theirs!r} and is of '
            f'style={other.pop()!r} here: the same names and shapes, but '
            f'other strides; set style={theirs!r} in model.backbone and in '
            'model.roi_head.shared_head'
        )


def preprocessing_differences(
    checkpoint: Mapping[str, Any], preprocessor: nn.Module | None
) -> list[str]:
    """How images reached the network in pretraining, where not as here.

    Args:
        checkpoint: Of :func:`mmdcl.checkpoints.read_checkpoint`; one without
            a config differs in nothing.
        preprocessor: The data preprocessor of the model to be trained.

    Returns:
        A phrase for each of mean, std and order of channels that differs.
    """
    pretraining = pretraining_config(checkpoint)
    then = (pretraining.get('model') or {}).get('data_preprocessor')
    then = then or pretraining.get('data_preprocessor')
    if not then:
        return []
    found = []
    for key in ('mean', 'std'):
        before = [round(float(x), 3) for x in then.get(key) or ()]
        now = getattr(preprocessor, key, None)
        now = [] if now is None else now.flatten().tolist()
        now = [round(float(x), 3) for x in now]
        if before != now:
            found.append(f'{key} {before or "none"}, here {now or "none"}')
    before = bool(then.get('to_rgb') or then.get('bgr_to_rgb'))
    now = getattr(preprocessor, 'to_rgb', False)  # ClsDataPreprocessor
    now = bool(getattr(preprocessor, '_channel_conversion', now))
    if before != now:
        turned = {True: 'turned around', False: 'as the dataset gives them'}
        found.append(f'channels {turned[before]}, here {turned[now]}')
    return found
