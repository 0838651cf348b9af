"""Which arguments a registered class takes, found without building it."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from torch import nn

# Whose `**kwargs` go where no reading of the constructor shows.
_ELSEWHERE: dict[type, Callable] = {CheckpointHook: Runner.save_checkpoint}
_ENDS = (object, nn.Module)  # take no arguments of their own


@dataclass(frozen=True)
class Arguments:
    """What a class or function takes by name.

    Attributes:
        known: Parameters by name; ``None`` where it is read from
            ``**kwargs``.
        open: It may take others, too.
    """

    known: dict[str, inspect.Parameter | None]
    open: bool


@dataclass(frozen=True)
class _Use:
    """What a constructor does with its ``**kwargs``."""

    read: frozenset[str]  # looked up by name
    given: frozenset[str]  # passed on beside them
    to: str | None  # the class of `super(X, self)` or `X.__init__`, if named
    itself: bool  # it is that class's constructor, not the next one's


@cache
def arguments(kind: Callable) -> Arguments:
    """Of a class or function, those of base classes included.

    ``**kwargs`` that go to ``super().__init__`` and nowhere else are followed
    there; where they are used otherwise, anything may be taken.
    """
    if not inspect.isclass(kind):
        found = _parameters(kind)
        return found or Arguments({}, open=True)
    known: dict[str, inspect.Parameter | None] = {}
    given: set[str] = set()
    mro, place = kind.__mro__, 0
    while place < len(mro) and mro[place] not in _ENDS:
        owner = mro[place]
        place += 1
        init = vars(owner).get('__init__')
        if init is None:
            continue
        own = _parameters(init, skip=1)
        if own is None:
            return Arguments(known, open=True)
        known |= {
            name: parameter
            for name, parameter in own.known.items()
            if name not in given and name not in known
        }
        if not own.open:
            break
        if owner in _ELSEWHERE:
            found = _parameters(_ELSEWHERE[owner], skip=1)
            known |= found.known if found else {}
            break
        use = _use_of_rest(init)
        if use is None:
            return Arguments(known, open=True)
        known = {**dict.fromkeys(use.read), **known}
        given |= use.given - set(known)
        if use.to is not None:
            named = getattr(init, '__globals__', {}).get(use.to, owner)
            if named not in mro:
                return Arguments(known, open=True)
            place = mro.index(named) + (not use.itself)
    return Arguments(known, open=False)


def _parameters(function: Callable, skip: int = 0) -> Arguments | None:
    try:
        found = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):
        return None
    by_name = (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    return Arguments(
        {x.name: x for x in found if x.kind in by_name},
        any(x.kind is inspect.Parameter.VAR_KEYWORD for x in found),
    )


def _use_of_rest(init: Callable) -> _Use | None:
    """What becomes of ``**kwargs``; ``None`` if that is not sure."""
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(init)))
        [function] = ast.parse(source).body
    except (OSError, TypeError, ValueError, SyntaxError):
        return None
    if not isinstance(function, ast.FunctionDef) or not function.args.kwarg:
        return None
    rest = function.args.kwarg.arg
    read: set[str] = set()
    calls: list[_Use] = []
    understood = 0
    for node in ast.walk(function):
        if (name := _name_read(node, rest)) is not None:
            read.add(name)
            understood += 1
        elif isinstance(node, ast.Call) and _passes(node, rest):
            call = _call(node)
            if call is None:
                return None
            calls.append(call)
            understood += 1
    uses = sum(
        isinstance(node, ast.Name) and node.id == rest
        for node in ast.walk(function)
    )
    if uses != understood or len({(x.to, x.itself) for x in calls}) != 1:
        return None
    given = frozenset.intersection(*(x.given for x in calls))
    return _Use(frozenset(read), given, calls[0].to, calls[0].itself)


def _passes(call: ast.Call, rest: str) -> bool:
    return any(
        keyword.arg is None and _is(keyword.value, rest)
        for keyword in call.keywords
    )


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _call(node: ast.Call) -> _Use | None:
    """``super().__init__(**kwargs)`` in any of its forms, or ``None``."""
    called = node.func
    if not isinstance(called, ast.Attribute) or called.attr != '__init__':
        return None
    given = frozenset(x.arg for x in node.keywords if x.arg)
    target = called.value
    if isinstance(target, ast.Name):
        return _Use(frozenset(), given, target.id, itself=True)
    if isinstance(target, ast.Call) and _is(target.func, 'super'):
        if not target.args:
            return _Use(frozenset(), given, None, itself=False)
        if isinstance(target.args[0], ast.Name):
            return _Use(frozenset(), given, target.args[0].id, itself=False)
    return None


def _name_read(node: ast.AST, rest: str) -> str | None:
    """The name in ``kwargs.get('x')``, ``kwargs['x']``, ``'x' in kwargs``."""
    name: Any = None
    if isinstance(node, ast.Subscript) and _is(node.value, rest):
        name = node.slice
    elif isinstance(node, ast.Compare) and any(
        _is(x, rest) for x in node.comparators
    ):
        name = node.left
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and _is(node.func.value, rest)
        and node.func.attr in ('get', 'pop', 'setdefault')
        and node.args
    ):
        name = node.args[0]
    value = getattr(name, 'value', None)
    return value if isinstance(value, str) else None
