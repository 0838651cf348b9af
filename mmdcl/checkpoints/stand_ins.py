"""What checkpoints hold beside tensors and plain values, without its code.

mmengine keeps numbers of NumPy and the history of logged values. torch is
given classes of these names that only remember what they were called with;
the values are made afterwards, from checked parts.
"""

from collections import OrderedDict
from pickle import UnpicklingError
from typing import Any

import numpy as np


class _StandIn:
    """Remembers its arguments and its state."""

    def __new__(cls, *args: Any) -> '_StandIn':
        made = super().__new__(cls)
        made.args, made.state = args, None
        return made

    def __init__(self, *args: Any) -> None:
        pass

    def __call__(self, *args: Any) -> Any:
        raise UnpicklingError(f'Call of an unrecognized {self.args}')

    def __setstate__(self, state: Any) -> None:
        vars(self)['state'] = state

    def value(self) -> Any:
        raise ValueError(f'{type(self).__name__} has no value of its own')


class _Attribute(_StandIn):
    """``getattr``, by which a history names its own methods."""


class _Class(_StandIn):
    """``numpy.ndarray``, the first argument of ``_reconstruct``."""


class _Bytes(_StandIn):
    """``bytes``, which only empty ones are pickled by."""

    def value(self) -> bytes:
        if self.args or self.state:
            raise ValueError(f'bytes of {self.args}')
        return b''


class _DType(_StandIn):
    def value(self) -> np.dtype:
        dtype = np.dtype(str(self.args[0]))
        if dtype.kind not in 'biufcSU':
            raise ValueError(f'an array of {dtype}')
        order = self.state[1] if self.state else '='
        return dtype if order == '|' else dtype.newbyteorder(order)


class _Array(_StandIn):
    def value(self) -> np.ndarray:
        _, shape, dtype, by_column, data = self.state
        if isinstance(data, _Bytes):
            data = data.value()
        flat = np.frombuffer(data, dtype.value())
        return flat.reshape(shape, order='F' if by_column else 'C').copy('K')


class _Scalar(_StandIn):
    def value(self) -> Any:
        dtype, data = self.args
        (scalar,) = np.frombuffer(data, dtype.value())
        return scalar


class _Namespace(_StandIn):
    """Of argparse; many keep their command line beside the weights."""

    def value(self) -> dict[str, Any]:
        return with_values(dict(self.state or {}))


class _History(_StandIn):
    def value(self) -> Any:
        try:
            from mmengine.logging import HistoryBuffer
        except ImportError:
            return None
        logged, counts = (
            self.state[name].value()
            for name in ('_log_history', '_count_history')
        )
        return HistoryBuffer(logged, counts, int(self.state['max_length']))


def _named(kind: type, module: str, name: str) -> type:
    return type(name, (kind,), {'__module__': module})


STAND_INS = [
    _named(_History, 'mmengine.logging.history_buffer', 'HistoryBuffer'),
    _named(_Attribute, 'builtins', 'getattr'),
    _named(_Bytes, 'builtins', 'bytes'),
    _named(_Namespace, 'argparse', 'Namespace'),
    _named(_DType, 'numpy', 'dtype'),
    _named(_Class, 'numpy', 'ndarray'),
    *(
        _named(kind, f'numpy.{core}.multiarray', name)
        for core in ('core', '_core')
        for kind, name in ((_Scalar, 'scalar'), (_Array, '_reconstruct'))
    ),
]


def with_values(
    part: Any, made: dict[int, tuple[Any, Any]] | None = None
) -> Any:
    """The same with values in place of stand-ins; containers are changed.

    Args:
        part: What torch read, or a part of it.
        made: What was seen already and its value, by ``id``: a part may be
            in many places, and more often than there is time for.

    Raises:
        RecursionError: It is nested too deep, or holds itself.
        Exception: A value cannot be made.
    """
    made = {} if made is None else made
    if id(part) in made:
        return made[id(part)][1]
    value = part
    if isinstance(part, _StandIn):
        value = part.value()
    elif type(part) in (dict, OrderedDict):
        items = [
            (with_values(key, made), with_values(x, made))
            for key, x in part.items()
        ]
        part.clear()
        part.update(items)
    elif type(part) is list:
        part[:] = [with_values(x, made) for x in part]
    elif type(part) is tuple:
        value = tuple(with_values(x, made) for x in part)
    else:
        return part
    made[id(part)] = part, value
    return value
