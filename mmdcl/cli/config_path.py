"""Configs of installed packages, by the names that OpenMMLab gives them."""

from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path


def installed_config(name: str) -> Path:
    """The file that ``mmdet::faster_rcnn/NAME.py`` stands for.

    mmengine looks for a distribution of that name, and does not find
    ``mmdet::`` or ``mmseg::`` where it is called onedl-mmdetection.

    Args:
        name: Package, ``::``, and a path below its folder of configs.

    Raises:
        FileNotFoundError: The package carries no such config.
        ModuleNotFoundError: There is no such package.
    """
    package, _, path = name.partition('::')
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f'{name} is a config of {package or "no package"}, which is not '
            'installed'
        )
    root = Path(spec.submodule_search_locations[0])
    # In a wheel, and in a checkout that is installed in place.
    folders = (root / '.mim' / 'configs', root.parent / 'configs')
    for folder in folders:
        if folder.joinpath(path).is_file():
            return folder / path
    there = {
        str(found.relative_to(folder)): found.stem
        for folder in folders
        for found in sorted(folder.rglob('*.py'))
        if '_base_' not in found.parts
    }
    near = get_close_matches(Path(path).stem, there.values(), 3, 0.4)
    found = [f'{package}::{p}' for n in near for p in there if there[p] == n]
    raise FileNotFoundError(
        f'{package} carries no config {path}'
        + (f'; did you mean {" or ".join(found)}?' if found else '')
    )
