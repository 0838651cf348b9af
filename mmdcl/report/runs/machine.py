"""What a run runs on: device and versions, in a few words each."""

from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

import torch
from mmengine.dist import get_world_size

from .recipe import count

_DISTRIBUTIONS = {  # others have the name of what is imported
    'mmdet': 'mmdetection',
    'mmseg': 'mmsegmentation',
}


def device(runner: Any) -> str:
    """``8 x NVIDIA H200``, ``1 x CPU, 2 threads``."""
    found = next(runner.model.parameters()).device
    if found.type == 'cuda':
        name = torch.cuda.get_device_name(found)
    else:
        threads = count(torch.get_num_threads(), 'thread')
        name = f'{found.type.upper()}, {threads}'
    return f'{get_world_size()} x {name}'


def versions(runner: Any) -> str:
    """Of torch, of the packages that train, and of Python."""
    scope = runner.cfg.get('default_scope', '')
    packages = dict.fromkeys(['mmengine', 'mmpretrain', scope])
    found = [f'torch {torch.__version__}', *map(_version, packages)]
    found.append(f'Python {python_version()}')
    return ', '.join(filter(None, found))


def _version(package: str) -> str:
    """With the name of the distribution, which says whose family it is."""
    other = _DISTRIBUTIONS.get(package, package)
    for name in (f'onedl-{other}', package, other):
        try:
            return f'{name} {version(name)}'
        except (PackageNotFoundError, ValueError):  # no name at all
            continue
    return ''
