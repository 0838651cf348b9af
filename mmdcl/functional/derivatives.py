"""What functions with a backward of their own cannot do, refused by name."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

FIRST_ONLY = (
    'the loss in tiles has first derivatives only, not by the temperature '
    'and not through torch.func; set `tile=0` to compute all similarities '
    'at once, which has them all'
)


# Of torch alone, and not of each version.
_WRAPPERS = [
    getattr(torch._C._functorch, f'is_{kind}tensor')
    for kind in ('batched', 'gradtracking', 'functional', 'legacy_batched')
    if hasattr(torch._C._functorch, f'is_{kind}tensor')
]
is_compiling = getattr(torch.compiler, 'is_compiling', lambda: False)


def require_plain(*tensors: Tensor) -> None:
    """Raise if a transform (vmap, jvp, torch.func.grad) is at work."""
    if is_compiling():
        return
    for x in tensors:
        if (
            any(wrapped(x) for wrapped in _WRAPPERS)
            or forward_ad.unpack_dual(x).tangent is not None  # type: ignore
        ):
            raise NotImplementedError(FIRST_ONLY)


class _Once(torch.autograd.Function):
    """Gradients as they are, which cannot be differentiated again."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *_: Tensor) -> Tensor:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> None:
        raise NotImplementedError(FIRST_ONLY)


def once(gradient: Tensor | None, *sources: Tensor) -> Tensor | None:
    """``gradient``, which was computed from ``sources`` without a graph."""
    graph = torch.is_grad_enabled() and not is_compiling()
    if gradient is None or not graph:
        return gradient
    refusing: Tensor = _Once.apply(gradient, *sources)
    return refusing
