"""Versions that do not work together, and the line that mends them.

Each was seen, docs/environments.md says with what effect.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import NamedTuple

from .distributions import MAINTAINED, NEEDED, ORIGINAL, installed

_ORIGINAL_LINE = dict(
    mmengine='mmengine', mmcv="'mmcv-lite<2.3'", mmpretrain='mmpretrain'
)


class Problem(NamedTuple):
    """What is wrong, what to type, and whether training cannot work."""

    text: str
    mend: str
    breaks: bool


def number(version: str) -> tuple[int, ...]:
    """``2.3.0+cu121`` as (2, 3), to compare."""
    found = re.match(r'\d+(\.\d+)*', version)
    parts = [int(x) for x in found[0].split('.')] if found else []
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)


def pip(words: str) -> str:
    """``pip WORDS`` with the pip that this environment has."""
    if find_spec('pip'):
        return f'pip {words}'
    return f'uv pip {words}'.replace('uninstall -y', 'uninstall')


def install(words: str) -> str:
    """The line that installs something."""
    return pip(f'install {words}')


def _replace(old: list[str], new: str) -> str:
    return f'{pip("uninstall -y " + " ".join(old))} && {install(new)}'


def files_gone(have: Mapping[str, str]) -> Iterator[Problem]:
    """Uninstalling one family deletes files of the other."""
    gone = []
    for family in (MAINTAINED, ORIGINAL):
        for name, candidates in family.items():
            there = [x for x in candidates if x in have]
            spec = find_spec(name) if there else None
            if there and (spec is None or spec.origin is None):
                gone += there
    if gone:
        verb = 'is' if len(gone) == 1 else 'are'
        yield Problem(
            f'{", ".join(gone)} {verb} installed, but the files are gone',
            install(f'--force-reinstall --no-deps {" ".join(gone)}'),
            True,
        )


def known_problems(
    have: Mapping[str, str], torchvision_needs: str = ''
) -> list[Problem]:
    """What these distributions are known to do together.

    Args:
        have: Version of each distribution, by its name in small letters.
        torchvision_needs: The line of torchvision's metadata about torch.
    """
    new, old = installed(MAINTAINED, have), installed(ORIGINAL, have)
    found = [*_families(have, new, old), *_torch(have, torchvision_needs)]
    if new and old:
        return found
    rules = _maintained(have) if new else _original(have) if old else ()
    return [*found, *rules]


def _families(
    have: Mapping[str, str], new: list[str], old: list[str]
) -> Iterator[Problem]:
    if new and old:
        yield Problem(
            f'both families are installed, {", ".join(new)} and '
            f'{", ".join(old)}: they overwrite each other',
            _replace(old, f'--force-reinstall --no-deps {" ".join(new)}'),
            True,
        )
        return
    family = ORIGINAL if old else MAINTAINED
    missing = [x for x in NEEDED if not any(y in have for y in family[x])]
    if missing:
        lines = _ORIGINAL_LINE if old else {x: family[x][0] for x in NEEDED}
        yield Problem(
            f'missing: {", ".join(missing)}; without them mmdcl.functional '
            'alone works',
            install(' '.join(lines[x] for x in missing)),
            True,
        )
    several = [x for x in ORIGINAL['mmcv'] if x in have]
    if len(several) > 1:
        yield Problem(
            f'{" and ".join(several)} overwrite each other',
            _replace(several, _ORIGINAL_LINE['mmcv']),
            True,
        )


def _torch(have: Mapping[str, str], needs: str) -> Iterator[Problem]:
    missing = [x for x in ('torch', 'torchvision') if x not in have]
    if missing:
        yield Problem(
            f'missing: {", ".join(missing)}', install(' '.join(missing)), True
        )
    if 'torch' not in have:
        return
    version = have['torch'].partition('+')[0]
    torch = number(version)
    fits = {'==': torch.__eq__, '>=': torch.__ge__, '<': torch.__lt__}
    for sign, other in re.findall(r'(==|>=|<)\s*([\d.]+)', needs):
        if not fits[sign](number(other)):
            yield Problem(
                f'torchvision {have.get("torchvision")} is made for '
                f'torch{sign}{other}, this is {have["torch"]}',
                install(f'--upgrade torch=={version} torchvision'),
                True,
            )


def _maintained(have: Mapping[str, str]) -> Iterator[Problem]:
    torch = have.get('torch')
    if torch and number(torch) < (2, 3, 1):
        yield Problem(
            f'torch {torch} is too old for onedl-mmengine',
            install("--upgrade 'torch>=2.3.1' torchvision"),
            True,
        )


def _original(have: Mapping[str, str]) -> Iterator[Problem]:
    numpy, torch = have.get('numpy', ''), have.get('torch', '')
    tools = have.get('setuptools')
    if () < number(torch) < (2, 3) and number(numpy) >= (2,):
        yield Problem(
            f'torch {torch} cannot use numpy {numpy}',
            install("'numpy<2' 'opencv-python<4.12'"),
            True,
        )
    if number(numpy) >= (2,):
        yield Problem(
            f'numpy {numpy}: ColorJitter of mmpretrain ends training, sooner '
            'or later, with an OverflowError of its hue',
            install("'numpy<2' 'opencv-python<4.12'"),
            True,
        )
    if tools is None or number(tools) >= (82,):
        yield Problem(
            'mmengine finds inherited configs by pkg_resources, and '
            + (f'setuptools {tools} has none' if tools else 'there is none'),
            install("'setuptools<82'"),
            True,
        )
    for name in ('opencv-python', 'opencv-python-headless'):
        version = have.get(name, '')
        if number(version) >= (4, 12) and number(numpy) < (2,):
            yield Problem(
                f'{name} {version} asks for numpy 2: an installer may bring '
                'it',
                install(f"'{name}<4.12'"),
                False,
            )
    if number(torch) >= (2, 6):
        yield Problem(
            f"torch {torch}: upstream's own tools cannot resume, nor load "
            'checkpoints by init_cfg; those of mmdcl can',
            install("'torch<2.6' 'torchvision<0.21'"),
            False,
        )
    mmcv = max((have[x] for x in ORIGINAL['mmcv'] if x in have), default='')
    for name in ('mmdet', 'mmsegmentation'):
        if name in have and number(mmcv) >= (2, 2):
            yield Problem(
                f'{name} {have[name]} refuses mmcv {mmcv}',
                install("'mmcv-lite<2.2'"),
                False,
            )
