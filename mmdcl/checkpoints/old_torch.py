"""Reading by a list of names where torch's own reader takes none (< 2.5)."""

import _codecs
import pickle
from collections import OrderedDict
from typing import Any

import torch

from .stand_ins import STAND_INS

_REBUILD = ('_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_parameter')
_ALLOWED: dict[tuple[str, str], Any] = {
    ('collections', 'OrderedDict'): OrderedDict,
    ('_codecs', 'encode'): _codecs.encode,
    ('torch', 'Size'): torch.Size,
    **{('torch._utils', x): getattr(torch._utils, x) for x in _REBUILD},
    **{
        ('torch', name): found
        for name, found in vars(torch).items()
        if isinstance(found, torch.dtype)
        or (isinstance(found, type) and name.endswith('Storage'))
    },
    **{(kind.__module__, kind.__name__): kind for kind in STAND_INS},
}


class Unpickler(pickle.Unpickler):
    """Finds what is on the list, and nothing else.

    Raises:
        UnpicklingError: A file names something else.
    """

    def find_class(self, module: str, name: str) -> Any:
        module = 'builtins' if module == '__builtin__' else module
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f'Unsupported global: {module}.{name} was not allowed'
            )
        return _ALLOWED[module, name]


def load(file: Any, **kwargs: Any) -> Any:
    """``pickle.load``: torch takes this module for ``pickle``."""
    return Unpickler(file, **kwargs).load()
