"""What network and preprocessing a checkpoint was trained with."""

import ast
from collections.abc import Mapping
from typing import Any


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
