"""The text of a config as data: nothing in it is called or looked up.

A config is Python code, and the one in a checkpoint may come from anywhere.
"""

import ast
from collections.abc import Callable
from typing import Any

_LONGEST = 1_000_000  # characters; configs have some thousands


def assignments(text: str) -> dict[str, ast.expr]:
    """What is assigned to each variable, the last time.

    Raises:
        ValueError: It is no Python, or too long.
    """
    if len(text) > _LONGEST:
        raise ValueError(
            f'has {len(text):,} characters; at most {_LONGEST:,} are read'
        )
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(
            f'cannot be read ({type(error).__name__}: {str(error)[:80]})'
        ) from error
    return {
        statement.targets[0].id: statement.value
        for statement in statements
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
    }


def as_data(node: ast.expr, otherwise: Callable[[ast.expr], Any]) -> Any:
    """A literal, or ``dict(...)`` of such, as mmengine writes configs.

    Args:
        node: Of :func:`assignments`.
        otherwise: What a part is that is more than that, or an error.

    Raises:
        RecursionError: It is nested too deep.
    """
    if isinstance(node, ast.Call):
        return _dict_call(node, otherwise)
    if isinstance(node, ast.Dict):
        if None in node.keys:
            return otherwise(node)
        keys = [as_data(key, otherwise) for key in node.keys if key]
        values = [as_data(x, otherwise) for x in node.values]
        try:
            return dict(zip(keys, values, strict=True))
        except TypeError:  # lists are no keys
            return otherwise(node)
    if isinstance(node, (ast.List, ast.Tuple)):
        kind = list if isinstance(node, ast.List) else tuple
        return kind(as_data(element, otherwise) for element in node.elts)
    try:
        return ast.literal_eval(node)
    except (TypeError, ValueError):
        return otherwise(node)


def _dict_call(node: ast.Call, otherwise: Callable[[ast.expr], Any]) -> Any:
    named = isinstance(node.func, ast.Name) and node.func.id == 'dict'
    if not named or not all(key.arg for key in node.keywords):
        return otherwise(node)
    items: dict = {}  # mmengine gives names that are none as a dict
    for argument in (as_data(x, otherwise) for x in node.args):
        if not isinstance(argument, dict):
            return otherwise(node)
        items |= argument
    return items | {
        str(key.arg): as_data(key.value, otherwise) for key in node.keywords
    }
