"""What a run changed of the config that it is based on."""

import ast
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...checkpoints.config_text import as_data, assignments
from ...configs import config_path

# What commands add or machines need, and what trains nothing.
_ASIDE = {
    '_scope_',
    'backend_args',
    'collate_fn',
    'custom_hooks',
    'custom_imports',
    'data_root',
    'default_hooks',
    'env_cfg',
    'launcher',
    'load_from',
    'log_level',
    'log_processor',
    'num_workers',
    'persistent_workers',
    'pin_memory',
    'resume',
    'vis_backends',
    'visualizer',
    'work_dir',
}
_MOST = 60
_LONGEST = 300  # characters of a value
_OURS = "__import__('mmdcl').config_path"
Change = tuple[str, Any, Any]


class _UnknownError(Exception):
    """The base is named by an expression, which is not run."""


def config_changes(cfg: Config) -> list[Change] | None:
    """Settings of a run that are others than those of its base.

    The base is what the config file inherits, if that is a whole recipe
    already (``_base_ = 'mmpretrain::simclr/...'``), and else the file itself:
    then the changes are those of the command line.

    Args:
        cfg: As it runs, with the name of its file.

    Returns:
        Key, value and value in the base, None where there is none; values
        are numbers or texts. None if it is not known what the base is.
    """
    path = Path(cfg.filename or '')
    if not path.is_file():
        return []
    try:
        base = _inherited(path)
    except _UnknownError:
        return None
    base = base or Config.fromfile(path, import_custom_modules=False)
    found = _differences(base.to_dict(), cfg.to_dict())
    return [change for _, change in zip(range(_MOST), found, strict=False)]


def _inherited(path: Path) -> Config | None:
    """What is in ``_base_``, if training could be built from it."""
    if path.suffix != '.py':
        return None
    node = assignments(path.read_text(encoding='utf-8')).get('_base_')
    names = as_data(node, _of_ours) if node is not None else []
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        return None
    names = [
        x if '::' in x else str(path.absolute().parent / x) for x in names
    ]
    with tempfile.TemporaryDirectory() as folder:
        only = Path(folder, 'base.py')
        only.write_text(f'_base_ = {names!r}\n')
        base = Config.fromfile(only, import_custom_modules=False)
    whole = {'model', 'train_dataloader', 'optim_wrapper'} <= base.keys()
    return base if whole else None


def _of_ours(node: ast.expr) -> str:
    """What the call says by which configs elsewhere inherit ours."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == _OURS:
        match node.args, node.keywords:
            case [ast.Constant(str(name))], []:
                return config_path(name)
    raise _UnknownError


def _differences(base: Any, now: Any, at: str = '') -> Iterator[Change]:
    if isinstance(base, Mapping) and isinstance(now, Mapping):
        keys = [x for x in {**base, **now} if x not in _ASIDE]
        if base.get('type') != now.get('type') and at:
            keys = [x for x in keys if x in now]  # others mean other things
        for key in keys:
            here = f'{at}.{key}' if at else str(key)
            yield from _differences(base.get(key), now.get(key), here)
    elif _lists(base, now) and len(base) == len(now):
        for i, (before, after) in enumerate(zip(base, now, strict=True)):
            yield from _differences(before, after, f'{at}.{i}')
    elif base != now and not (_empty(base) and _empty(now)):
        if _lists(base, now) and list(base) == list(now):
            return
        yield at, _plain(now), _plain(base)


def _lists(*values: Any) -> bool:
    return all(isinstance(x, (list, tuple)) for x in values)


def _empty(value: Any) -> bool:
    return value is None or value in ([], {}, ())


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST else f'{text[:_LONGEST]} ...'
