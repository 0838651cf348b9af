"""Where configs lie: ours, and those of other packages.

In a checkout they are in ``configs/``; an installed package carries them in
its folder ``.mim``, as OpenMMLab's packages do.
"""

import ast
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from .errors import UserFileNotFoundError, UserModuleNotFoundError

_ROOT = Path(__file__).resolve().parent


def folder() -> Path:
    """The folder of our configs."""
    return next(found for found in _folders(_ROOT) if found.is_dir())


def names() -> dict[str, Path]:
    """Our configs that can be run, by name: their path without ``.py``.

    Those of the downstream protocols begin with ``benchmarks/``.
    """
    return dict(_below(folder()))


def config_path(name: str) -> str:
    """The file of a config of ours.

    For another config to inherit it, wherever mmdcl is installed::

        _base_ = __import__('mmdcl').config_path('dcl_resnet50_8xb32')

    Args:
        name: A path below the folder of our configs; ``.py`` may be left out.

    Raises:
        FileNotFoundError: There is none of that name; the message has the
            nearest ones.
    """
    path = folder() / name.removeprefix('configs/')
    for found in (path, path.with_name(f'{path.name}.py')):
        if found.is_file():
            return str(found)
    raise UserFileNotFoundError(
        f'mmdcl has no config {name}{_meant(name, names())} '
        '`mmdcl configs` lists them'
    )


def find_config(name: str) -> str:
    """The file that was meant on the command line.

    Args:
        name: A path, the name of a config of ours, or ``package::path``.

    Raises:
        FileNotFoundError: There is no such config.
        ModuleNotFoundError: There is no such package.
    """
    if '::' in name:
        return str(_of_package(name))
    if Path(name).is_file():
        return name
    if Path(name).is_dir():
        raise UserFileNotFoundError(f'{name} is a folder, not a config')
    stem = Path(name).stem
    known = names()
    if name.removesuffix('.py') in known:
        return str(known[name.removesuffix('.py')])
    if stem in known:
        raise UserFileNotFoundError(
            f'no config {name}; did you mean {stem}, the one of mmdcl?'
        )
    raise UserFileNotFoundError(
        f'no config {name}{_meant(stem, known)} `mmdcl configs` lists those '
        'of mmdcl'
    )


def summary(path: Path) -> str:
    """The sentence at the head of a config: its first lines of comment."""
    lines = []
    for line in path.read_text(encoding='utf-8').splitlines():
        if not line.startswith('#'):
            break
        lines.append(line.removeprefix('#').strip())
    first, end, _ = ' '.join(lines).partition('. ')
    return first + end.strip()


def standalone(path: Path) -> str:
    """The text of a config of ours that works wherever it is written to.

    Its bases are named by :func:`config_path` instead of relative paths.
    """
    text = path.read_text(encoding='utf-8')
    for node in ast.parse(text).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id == '_base_':
            written = str(ast.get_source_segment(text, node.value))
            return text.replace(written, _bases(node.value, written, path), 1)
    return text


def _bases(value: ast.expr, written: str, path: Path) -> str:
    if isinstance(value, ast.List):
        each = (_base(ast.literal_eval(base), path) for base in value.elts)
        return '[\n' + ''.join(f'    {base},\n' for base in each) + ']'
    if isinstance(value, ast.Constant):
        return _base(str(value.value), path)
    return written  # computed: of another package


def _base(base: str, path: Path) -> str:
    if '::' in base:
        return repr(base)
    name = (path.parent / base).resolve().relative_to(folder().resolve())
    return (
        f"__import__('mmdcl').config_path({name.with_suffix('').as_posix()!r})"
    )


def _folders(package: Path) -> tuple[Path, Path]:
    """In a wheel, and in a checkout that is installed in place."""
    return package / '.mim' / 'configs', package.parent / 'configs'


def _below(configs: Path) -> Iterator[tuple[str, Path]]:
    paths = configs.rglob('*.py')
    for path in sorted(paths, key=lambda path: (len(path.parts), path)):
        if '_base_' not in path.parts:
            name = path.relative_to(configs).with_suffix('')
            yield name.as_posix(), path


def _meant(name: str, known: dict[str, Path]) -> str:
    stems = {Path(x).name: x for x in known}
    near = get_close_matches(Path(name).stem, stems, 3, 0.4)
    if not near:
        return '.'
    return f'; did you mean {" or ".join(stems[x] for x in near)}?'


def _of_package(name: str) -> Path:
    """The file that ``mmdet::faster_rcnn/NAME.py`` stands for.

    mmengine looks for a distribution of that name, and does not find
    ``mmdet::`` or ``mmseg::`` where it is called onedl-mmdetection.
    """
    package, _, path = name.partition('::')
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise UserModuleNotFoundError(
            f'{name} is a config of {package or "no package"}, which is not '
            'installed'
        )
    folders = _folders(Path(spec.submodule_search_locations[0]))
    for configs in folders:
        if configs.joinpath(path).is_file():
            return configs / path
    there = {
        f'{package}::{x}.py': found
        for configs in folders
        for x, found in _below(configs)
    }
    raise UserFileNotFoundError(
        f'{package} carries no config {path}{_meant(path, there)}'
    )
