"""What is installed, by which family, read without importing it."""

import re
from collections.abc import Mapping
from importlib import metadata

# Import name -> its distribution in either family.
MAINTAINED = {
    'mmengine': ('onedl-mmengine',),
    'mmcv': ('onedl-mmcv',),
    'mmpretrain': ('onedl-mmpretrain',),
    'mmdet': ('onedl-mmdetection',),
    'mmseg': ('onedl-mmsegmentation',),
}
ORIGINAL = {
    'mmengine': ('mmengine', 'mmengine-lite'),
    'mmcv': ('mmcv', 'mmcv-lite', 'mmcv-full'),
    'mmpretrain': ('mmpretrain',),
    'mmdet': ('mmdet',),
    'mmseg': ('mmsegmentation',),
}
NEEDED = ('mmengine', 'mmcv', 'mmpretrain')


def distributions() -> dict[str, str]:
    """Version of all that is installed, by name, without importing it."""
    found: dict[str, str] = {}
    for one in metadata.distributions():
        try:
            name, version = one.metadata['Name'], one.version
        except (KeyError, OSError, TypeError):  # half installed
            continue
        if name and version:  # the first one is imported
            found.setdefault(name.lower().replace('_', '-'), version)
    return found


def installed(
    family: Mapping[str, tuple[str, ...]], have: Mapping[str, str]
) -> list[str]:
    """Names of the distributions of a family that are there."""
    return [x for names in family.values() for x in names if x in have]


def family_of(have: Mapping[str, str]) -> str:
    """``maintained``, ``original``, ``both`` or ``none``."""
    new, old = installed(MAINTAINED, have), installed(ORIGINAL, have)
    if new and old:
        return 'both'
    return 'maintained' if new else 'original' if old else 'none'


def needs_of(name: str, other: str) -> str:
    """The line in which a distribution asks for another, or ''."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return ''
    return next((x for x in lines if re.split(r'[^\w.-]', x)[0] == other), '')
