"""A part of a page that fails costs that part, not the page."""

import os
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from ...errors import UserError

TRACEBACK = 'MMDCL_TRACEBACK'  # environment: mistakes of ours are raised
Made = TypeVar('Made')


def guarded(
    what: str,
    make: Callable[[], Made],
    warn: Callable[[str], Any] = warnings.warn,
    loud: bool = False,
) -> tuple[Made | None, str, bool]:
    """What is made, or why it is not.

    Args:
        what: In a few words, for the warning.
        make: May raise anything.
        warn: Is given a sentence where the mistake is not the user's.
        loud: Also where it is.

    Returns:
        It or None; a sentence or ''; whether the sentence would be the same
        on another machine, or with what is missing.

    Raises:
        Exception: What `make` raised that is no user's mistake, if
            ``MMDCL_TRACEBACK`` is in the environment.
    """
    try:
        return make(), '', True
    except UserError as error:
        mended = isinstance(error, (OSError, ModuleNotFoundError))
        sentence = as_sentence(error.sentence)
        if loud:
            warn(sentence)
        return None, sentence, not mended
    except Exception as error:
        if TRACEBACK in os.environ:
            raise
        said = ' '.join(str(error).split())[:300]
        sentence = as_sentence(
            f'{what} failed with {type(error).__name__}'
            + (f': {said}' if said else '')
        )
        warn(f'{sentence} {TRACEBACK}=1 shows where')
        return None, sentence, False


def as_sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return f'{text[:1].upper()}{text[1:]}' + '.' * (text[-1:] not in '.?!')
