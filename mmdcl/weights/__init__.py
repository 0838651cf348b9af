"""Backbones that come with the package: ``mmdcl://NAME``; see its README."""

from difflib import get_close_matches
from pathlib import Path

from ..errors import UserFileNotFoundError

SCHEME = 'mmdcl://'
_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Of all that there are, sorted."""
    return sorted(path.stem for path in _FOLDER.glob('*.safetensors'))


def shipped_file(address: str) -> Path:
    """The file of weights that an address names.

    Args:
        address: ``mmdcl://NAME``.

    Raises:
        UserFileNotFoundError: None is called so.
    """
    name = address.removeprefix(SCHEME)
    if name not in names():
        near = get_close_matches(name, names(), 1)
        guess = f', did you mean {SCHEME}{near[0]}?' if near else ''
        raise UserFileNotFoundError(
            f'{address}: no weights of that name come with mmdcl{guess}; '
            f'there are {", ".join(SCHEME + x for x in names())}'
        )
    return _FOLDER / f'{name}.safetensors'
