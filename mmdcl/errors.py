"""Errors that a user should read, as a sentence: what was got, what to do.

Commands of mmdcl end in that sentence. Each kind is also the built-in
exception that its name says, so that ``except ValueError`` catches a
:class:`UserValueError`. Whatever is no :class:`UserError` keeps its traceback.
"""

from collections.abc import Sequence, Set


class UserError(Exception):
    """What a user can mend; its one argument is the sentence.

    One argument, because others raise it again: mmengine's registries and
    torch's dataloaders make a new one of the same class and a longer text.
    """

    __str__ = BaseException.__str__  # a KeyError would put it in quotes

    @property
    def sentence(self) -> str:
        """What was said where it was raised.

        The text of an error in a dataloader's worker is its whole traceback,
        which ends in the name of the class and the sentence.
        """
        text = str(self)
        kind = type(self)
        begin = f'\n{kind.__module__}.{kind.__qualname__}: '
        _, of_worker, said = text.rpartition(begin)
        return said.rstrip('\n') if of_worker else text


class UserValueError(UserError, ValueError):
    """A setting, a file or data that cannot be used."""


class UserTypeError(UserError, TypeError):
    """Something of another type than is needed."""


class UserOSError(UserError, OSError):
    """A file or folder that cannot be read or written."""


class UserFileNotFoundError(UserError, FileNotFoundError):
    """A file or folder that is not there."""


class UserPermissionError(UserError, PermissionError):
    """A file or folder of somebody else."""


class UserBlockingIOError(UserError, BlockingIOError):
    """A folder that another process writes to."""


class UserKeyError(UserError, KeyError):
    """A name that nothing is registered by."""


class UserModuleNotFoundError(UserError, ModuleNotFoundError):
    """A package that is needed and not there."""


class UserNotImplementedError(UserError, NotImplementedError):
    """An operator that mmcv was built without."""


class UserFloatingPointError(UserError, FloatingPointError):
    """A loss or weights that are NaN or infinite."""


def few(names: Sequence[str] | Set[str], most: int = 5) -> str:
    """Some of the names, and how many more there are.

    Args:
        names: In their order, those of a set sorted.
        most: So many are named.
    """
    ordered = sorted(names) if isinstance(names, Set) else names
    more = len(ordered) - most
    said = ', '.join(ordered[:most])
    return f'{said} and {more} more' if more > 0 else said
