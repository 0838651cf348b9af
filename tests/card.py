"""A card that is not there: its tensors have a device and no numbers."""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import FakeTensor
from torch.autograd.function import BackwardCFunction
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CARD = torch.device('cuda', 0)
_COPIES = ('_to_copy', 'copy_')


class WaitedForError(Exception):
    """The host would have stood still, or two devices were mixed."""


class Card(TorchDispatchMode):
    """Inside of it tensors on ``cuda`` are fake and those of the host real.

    Whoever asks a fake tensor for a number, or for a shape that depends on
    numbers, is refused by torch; who copies between host and card without
    ``non_blocking``, back to the host at all, or calculates with tensors of
    both, by this.

    Attributes:
        may_wait: For now copies may make the host wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self._fake = FakeTensorMode(allow_non_fake_inputs=True)
        self.may_wait = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        tensors = [x for x in leaves if isinstance(x, Tensor)]
        here = [x for x in tensors if not isinstance(x, FakeTensor)]
        to = torch.device(kwargs.get('device') or 'cpu').type
        there = len(here) < len(tensors)
        if not there and to == 'cpu':
            return func(*args, **kwargs)
        name = func.overloadpacket.__name__
        if name in _COPIES:
            sent = kwargs.get('non_blocking') or args[2:] == (True,)
            sent = sent or self.may_wait
            back = there and to == 'cpu' and 'device' in kwargs
            if name == 'copy_':  # into its first argument
                back = args[0] in here
            if back or (here and not sent):
                raise WaitedForError(f'{name} of {_described(tensors)}')
        elif any(x.ndim for x in here):
            raise WaitedForError(f'{name} of {_described(tensors)}')
        with self._fake:
            return func(*args, **kwargs)


def _described(tensors: list[Tensor]) -> str:
    return ' and '.join(f'{tuple(x.shape)} on {x.device}' for x in tensors)


def backward(loss: Tensor) -> None:
    """What ``loss.backward()`` does.

    In Python, for the engine of torch has a thread for each device and asks
    the driver for it.
    """
    order: list[Any] = []
    seen: set[Any] = set()

    def visit(node: Any) -> None:
        if node is not None and node not in seen:
            seen.add(node)
            for after, _ in node.next_functions:
                visit(after)
            order.append(node)

    visit(loss.grad_fn)
    arrived: dict[Any, dict[int, Tensor]] = defaultdict(dict)
    arrived[loss.grad_fn][0] = torch.ones_like(loss)
    with torch.no_grad():
        for node in reversed(order):
            if node not in arrived:
                continue
            own = arrived.pop(node)
            if hasattr(node, 'variable'):
                # Refuses a gradient of another device, type or shape.
                before = node.variable.grad
                node.variable.grad = (
                    own[0] if before is None else before + own[0]
                )
                continue
            given = [own.get(i) for i in range(len(node._input_metadata))]
            python = isinstance(node, BackwardCFunction)
            found = node.apply(*given) if python else node(*given)
            found = found if isinstance(found, tuple) else (found,)
            # A function of Python answers to arguments that are no tensors,
            # too; ours have them at the end.
            for (after, i), grad in zip(
                node.next_functions, found, strict=not python
            ):
                if after is not None and grad is not None:
                    sums = arrived[after]
                    sums[i] = sums[i] + grad if i in sums else grad
