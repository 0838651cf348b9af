"""Settings that would change nothing, or break late, refused at once."""

import inspect
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner
from torch import Tensor

from ..constructors import arguments
from .config_walk import Part
from .places import parts

_NEAR = 0.6
_MISSPELT = 0.85  # so near that it is hardly meant
# Beside those of the runner: what mmengine, OpenMMLab's tools and ours read.
_READ = {'default_scope', 'custom_imports', 'runner_type', 'strategy'}
_READ |= {'model_wrapper_cfg', 'find_unused_parameters', 'sync_bn', 'compile'}
_READ |= {'activation_checkpointing', 'efficient_conv_bn_eval'}
_READ |= {'backend_args', 'file_client_args'}
_READ |= {'tta_model', 'tta_pipeline', 'tta_cfg'}
_RUNNERS = frozenset(inspect.signature(Runner).parameters) - {'cfg'}
_TOP = _RUNNERS | _READ
_DEFAULT_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger')
_DEFAULT_HOOKS += ('param_scheduler', 'checkpoint')
_FREE_NAMES = 'custom_keys'  # names of parameters are its keys
_WORDS = {
    int: 'a whole number',
    float: 'a number',
    bool: 'True or False',
    type(None): 'None',
}
_ELSEWHERE = {  # what only some models take: who does it for others
    'micro_batch': 'for it, mmdcl.MicroBatchHook in custom_hooks does that',
    'positives': 'model.type=mmdcl.SupCon does',
}


def merge_options(cfg: Config, options: dict[str, Any]) -> None:
    """Merge ``--cfg-options``; exit if one of them would change nothing.

    Args:
        cfg: Changed in place.
        options: Values by their keys, ``'model.head.temperature'``. Numbers
            in a key count the entries of a list.
    """
    places = {part.path for part in parts(cfg)} if options else set()
    _stop([x for key in options for x in _misplaced(cfg, key, places)])
    cfg.merge_from_dict(options)


def check_settings(cfg: Config, unsure: Sequence[str] = ()) -> None:
    """Exit if a config has names or types that nobody takes.

    Names of what is built are compared with the arguments of its class,
    values with their annotations, if these are plain. Where that is not sure
    nothing is said.

    Args:
        cfg: Complete.
        unsure: Keys of what may still be exchanged, such as
            ``'model.backbone'``.
    """
    problems = list(_misspelt_names(cfg))
    for part in parts(cfg):
        if not part.path.startswith(tuple(unsure)):
            problems += _part_problems(part)
    _stop(problems)


def _stop(problems: list[str]) -> None:
    if problems:
        sys.exit('\n'.join(f'error: {x}' for x in dict.fromkeys(problems)))


def _near(name: str, among: Any, cutoff: float = _NEAR) -> list[str]:
    """Names that may be meant; numbered ones are not."""
    letters = name.strip('0123456789')
    return get_close_matches(
        name,
        [x for x in among if str(x).strip('0123456789') != letters],
        3,
        cutoff,
    )


def _meant(near: Sequence[str], else_say: str = '') -> str:
    if near:
        return '; did you mean ' + ' or '.join(f'`{x}`' for x in near) + '?'
    return else_say


def _misspelt_names(cfg: Config) -> Iterator[str]:
    """At the top of a config, where variables are, too."""
    for name in set(cfg) - _TOP:
        near = _near(name, _RUNNERS, _MISSPELT)
        value = cfg[name]
        has_parts = isinstance(value, (dict, list, tuple))
        if near and not (has_parts and any(_uses(cfg, value))):
            yield f'{name}: nothing reads it{_meant(near)}'
    hooks = cfg.get('default_hooks') or {}
    for name, hook in hooks.items():
        if isinstance(hook, dict) and 'type' not in hook:
            near = _near(name, _DEFAULT_HOOKS)
            yield f'default_hooks.{name} has no `type`{_meant(near)}'


def _misplaced(cfg: Config, key: str, places: set[str]) -> Iterator[str]:
    """What is wrong with the place of an option."""
    names = key.split('.')
    first = names[0]
    if first not in _TOP and first not in cfg:
        near = _near(first, {*_TOP, *cfg})
        yield f'--cfg-options {key}: nothing reads `{first}`' + _meant(near)
        return
    if first not in _TOP:
        yield from _variable(cfg, names)
    here: Any = cfg
    for i, name in enumerate(names):
        path = '.'.join(names[:i])
        if isinstance(here, (list, tuple)):
            if not (name.isdecimal() and int(name) < len(here)):
                yield (
                    f'--cfg-options {key}: {path} is a list, of '
                    f'{", ".join(f"{path}.{i}" for i in range(len(here)))}; '
                    f'it has no {name!r}'
                )
                return
            here = here[int(name)]
        elif isinstance(here, (dict, Config)):
            if name not in here:
                free = i and path not in places and _FREE_NAMES not in path
                near = _near(name, here, _MISSPELT) if free else []
                if near:
                    yield (
                        f'--cfg-options {key}: {path} has no `{name}`'
                        + _meant(near)
                    )
                return
            here = here[name]
        else:
            yield (
                f'--cfg-options {key}: {path} is {here!r:.60}, which has no '
                f'`{name}`'
            )
            return


def _variable(cfg: Config, names: list[str]) -> Iterator[str]:
    """A variable of the file, that was used before options are merged."""
    uses = list(_uses(cfg, cfg[names[0]]))
    if uses:
        instead = ' or '.join('.'.join([x, *names[1:]]) for x in uses[:3])
        yield (
            f'--cfg-options {".".join(names)}: `{names[0]}` is a variable of '
            'the config file, and what was made of it does not change with '
            f'it; set {instead}'
        )


def _uses(cfg: Config, value: Any) -> Iterator[str]:
    """Where a config has the same value once more, for the runner."""

    def walk(path: str, other: Any) -> Iterator[str]:
        if type(other) is type(value) and other == value:
            yield path
            return
        if isinstance(other, dict):
            other = list(other.items())
        elif isinstance(other, (list, tuple)):
            other = list(enumerate(other))
        else:
            return
        for key, inner in other:
            yield from walk(f'{path}.{key}', inner)

    if value is None or isinstance(value, bool):
        return
    for name in sorted(_TOP & set(cfg)):
        yield from walk(name, cfg[name])


def _part_problems(part: Part) -> Iterator[str]:
    if part.kind is None:
        # Others may be registered by packages that are not there.
        near = _near(part.name, part.names, _MISSPELT)
        if near:
            yield (f'{part.path}.type: there is no {part.name}' + _meant(near))
        return
    *_, key = part.path.split('.')
    if said := getattr(part.kind, 'wrong_under', dict)().get(key):
        yield f'{part.path}: {said}'
        return
    takes = arguments(part.kind)
    if part.path.startswith('model') and part.name.startswith('mmdcl.'):
        for name, parameter in takes.known.items():
            default = parameter.default if parameter else None
            if default is inspect.Parameter.empty and name not in part.config:
                yield f'{part.path}: {part.name} needs `{name}`'
    for name, value in part.config.items():
        if name in part.extra:
            continue
        if name in takes.known:
            parameter = takes.known[name]
            if parameter and (wanted := _wanted(parameter, value)):
                kind = type(value).__name__
                yield f'{part.path}.{name} must be {wanted}, got ' + (
                    f'"{value}" ({kind})'
                )
        elif not takes.open:
            own = sorted(x for x in takes.known if not x.startswith('_'))
            near = _near(name, own)
            listed = f'it takes {", ".join(own)}'
            if part.path == 'model':
                listed = _ELSEWHERE.get(name, listed)
            yield (
                f'{part.path}.{name}: {part.name} takes no `{name}`'
                + _meant(near, f'; {listed}')
            )


def _wanted(parameter: inspect.Parameter, value: Any) -> str | None:
    """What a text should be instead, if it is sure that it should."""
    if not isinstance(value, str) or isinstance(parameter.default, str):
        return None
    kinds = _kinds(parameter.annotation)
    if not kinds & {int, float, bool} or not kinds <= set(_WORDS):
        return None
    if float in kinds:
        kinds.discard(int)
    return ' or '.join(word for x, word in _WORDS.items() if x in kinds)


def _kinds(annotation: Any) -> set[Any]:
    """The types of a union, or of one; postponed ones where they are plain."""
    if isinstance(annotation, str):
        names = annotation.removeprefix('Optional[').removesuffix(']')
        plain = {x.__name__: x for x in (int, float, bool)}
        plain |= {'None': type(None), 'Tensor': Tensor}
        found = [plain.get(x.strip(), object) for x in names.split('|')]
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
        found = typing.get_args(annotation)
    else:
        found = [annotation]
    return set(found) - {Tensor}
