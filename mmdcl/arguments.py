"""Arguments of what configs build, checked by name when it is built."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from .errors import UserTypeError, UserValueError


def _got(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    text = text if len(text) < 60 else f'{text[:56]}...'
    return f'got {text} ({type(value).__name__})'


def require_number(
    name: str, value: Any, above: float | None = None, least: float = -math.inf
) -> None:
    """Refuse what is not one finite number.

    Args:
        name: Of the argument.
        value: Of the argument. Tensors are none: they may ask for a gradient.
        above: It must be greater.
        least: It must not be less.

    Raises:
        TypeError: It is of another type.
        ValueError: It is NaN, infinite or out of bounds.
    """
    bound = f' >= {least:g}' if math.isfinite(least) else ''
    bound = bound if above is None else f' > {above:g}'
    message = f'`{name}` must be a number{bound}, {_got(value)}'
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UserTypeError(message)
    low = value < least or (above is not None and value <= above)
    if low or not math.isfinite(value):
        raise UserValueError(message)


def require_whole(name: str, value: Any, least: int = 1) -> None:
    """Refuse what is not a whole number of at least ``least``.

    Raises:
        TypeError: It is of another type.
        ValueError: It is less.
    """
    message = f'`{name}` must be a whole number >= {least}, {_got(value)}'
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise UserTypeError(message)
    if value < least:
        raise UserValueError(message)


def require_flag(name: str, value: Any) -> None:
    """Refuse what is not ``True`` or ``False``.

    Raises:
        TypeError: It is something else, such as the text ``'False'``.
    """
    if not isinstance(value, bool):
        raise UserTypeError(f'`{name}` must be True or False, {_got(value)}')


def require_text(name: str, value: Any) -> None:
    """Refuse what is not a text.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(value, str):
        raise UserTypeError(f'`{name}` must be a text, {_got(value)}')


def require_one_of(name: str, value: Any, allowed: Sequence[str]) -> None:
    """Refuse what is none of a few texts.

    Raises:
        ValueError: It is something else.
    """
    if value not in allowed:
        *most, last = map(repr, allowed)
        raise UserValueError(
            f'`{name}` must be {", ".join(most)} or {last}, {_got(value)}'
        )


def several(name: str, value: Any) -> list:
    """A value, or some in a list or tuple, as a list.

    Raises:
        ValueError: There is none.
    """
    each = list(value) if isinstance(value, (list, tuple)) else [value]
    if not each:
        raise UserValueError(f'`{name}` must be one or more, got none')
    return each
