"""What a registry has by a name, without importing what is called so."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module

from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import Registry

# Whose registries mmengine imports when it meets their name.
_SCOPES = ('mmdcl', *MODULE2PACKAGE)


def registered(
    registry: Registry, name: str, scope: str | None
) -> tuple[Callable | None, list[str]]:
    """What a registry builds of ``name``, and all names that it has.

    Unlike ``registry.get`` this imports no module called ``name``.

    Args:
        registry: The root of its tree.
        name: Bare, or after a scope.
        scope: That a bare name is looked for in first.

    Returns:
        ``None`` if there is none. Names are empty where it is not sure that
        the registry would be asked.
    """
    said, dot, key = name.rpartition('.')
    if '.' in said:
        return None, []
    here = registry
    with suppress(Exception):  # what is broken breaks when it is built
        for wanted in filter(None, (scope, said)):
            if wanted in _SCOPES:
                import_module(f'{wanted}.registry')
            here = next(_below(registry, wanted), here)
        here.import_from_location()
        if said and here.scope != said:
            return None, []
        names = dict(here.module_dict)
        while here.parent is not None and not said:
            here = here.parent
            names = {**here.module_dict, **names}
        return names.get(key), [f'{said}{dot}{x}' for x in names]
    return None, []


def _below(registry: Registry, scope: str) -> Iterator[Registry]:
    if registry.scope == scope:
        yield registry
    for inner in registry.children.values():
        yield from _below(inner, scope)
