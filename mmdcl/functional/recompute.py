"""Activations that are computed again in the backward instead of kept."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint


def recomputed(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    modules: Iterable[nn.Module] = (),
) -> Tensor:
    """``function(x)``, of which nothing is kept but ``x``.

    Value and gradient are those of the function, which runs a second time in
    the backward, with the random numbers and under the autocast of the first.

    Args:
        function: Of one tensor.
        x: What it takes.
        modules: Whose batch statistics are to be counted once.
    """
    if not torch.is_grad_enabled():
        return function(x)
    norms = [m for m in modules if isinstance(m, _NormBase)]

    def contexts() -> tuple[
        AbstractContextManager[None], AbstractContextManager[None]
    ]:
        return nullcontext(), _not_counting(norms)

    out: Tensor = checkpoint(
        function, x, use_reentrant=False, context_fn=contexts
    )
    return out


@contextmanager
def _not_counting(norms: list[_NormBase]) -> Iterator[None]:
    """Running statistics stay as they are."""
    before = [(m.momentum, m.num_batches_tracked) for m in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, number) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, number
