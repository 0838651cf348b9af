"""A network in micro-batches, computed again in the backward, none kept.

With activations of one micro-batch at a time, a loss over all rows has its
exact gradient (as in GradCache, Gao et al., 2021, arXiv 2101.06983).
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

# Of a checkpoint with contexts torch.compile makes an error, not a break.
_eager: Any = torch.compiler.disable


@contextmanager
def micro_batched(
    network: nn.Module, size: int, views: int = 1
) -> Iterator[None]:
    """Inside, ``network(x)`` holds activations of few rows at a time.

    What it returns, and the gradient, are those of one pass, up to what rows
    have in common: batch statistics are of each micro-batch, and count once.
    Each micro-batch runs a second time in the backward, with the random
    numbers and under the autocast of the first. Hooks of ``network`` itself
    see one call with all rows, those of layers inside of it see each part,
    and in the backward again. Without gradient it is one pass.

    Args:
        network: Of ``(R, ...)`` to tensors of ``R`` rows, in tuples, lists or
            mappings or alone. Other arguments of ``R`` rows are split, too.
        size: Rows of a micro-batch of each view, > 0. Where it does not
            divide them, parts are smaller and as equal as can be.
        views: Of how many views the rows are, one view after the other; a
            micro-batch has the same images of each.

    Raises:
        ValueError: In the call; the network returns something else than rows.
    """
    before = vars(network).get('forward')
    parts = partial(_in_parts, network, network.forward, size, views)
    network.forward = _eager(parts)
    try:
        yield
    finally:
        del network.forward
        if before is not None:
            network.forward = before


def _in_parts(
    network: nn.Module,
    forward: Any,
    size: int,
    views: int,
    x: Any,
    *args: Any,
    **kwargs: Any,
) -> Any:
    rows = len(x) if isinstance(x, Tensor) else 0
    images = rows // views
    parts = -(-images // size)
    if parts < 2 or not torch.is_grad_enabled():
        return forward(x, *args, **kwargs)

    def of_part(part: int, x: Tensor) -> Any:
        begin, end = (images * i // parts for i in (part, part + 1))

        def rows_of(value: Any) -> Any:
            if not isinstance(value, Tensor) or value.shape[:1] != (rows,):
                return value
            each = value.reshape(views, images, *value.shape[1:])
            return each[:, begin:end].flatten(0, 1)

        more = {name: rows_of(value) for name, value in kwargs.items()}
        found = forward(rows_of(x), *map(rows_of, args), **more)
        _check_rows(network, found, views * (end - begin))
        return found

    aside = nullcontext(), _BuffersSetAside(network)
    with _no_cached_casts():
        found = [
            # All of `x` is an argument, as its device is asked for, and as
            # the rows of a part are another copy, which is not kept.
            checkpoint(
                of_part, i, x, use_reentrant=False, context_fn=lambda: aside
            )
            for i in range(parts)
        ]
    return _joined(found, views)


def _check_rows(network: nn.Module, found: Any, rows: int) -> None:
    if isinstance(found, Tensor):
        if found.shape[:1] != (rows,):
            raise ValueError(
                f'{type(network).__name__} cannot compute in micro-batches: '
                f'of {rows} rows it made {tuple(found.shape)}'
            )
    elif isinstance(found, Mapping):
        _check_rows(network, list(found.values()), rows)
    elif isinstance(found, (list, tuple)):
        for each in found:
            _check_rows(network, each, rows)
    elif found is not None:
        raise ValueError(
            f'{type(network).__name__} cannot compute in micro-batches: it '
            f'made a {type(found).__name__}, not rows'
        )


def _joined(found: list[Any], views: int) -> Any:
    first = found[0]
    if isinstance(first, Tensor):
        each = [x.chunk(views) for x in found]
        return torch.cat([x for view in zip(*each, strict=True) for x in view])
    if isinstance(first, Mapping):
        return {k: _joined([x[k] for x in found], views) for k in first}
    if first is None:
        return None
    both = (_joined(list(x), views) for x in zip(*found, strict=True))
    return list(both) if isinstance(first, list) else tuple(both)


class _BuffersSetAside(AbstractContextManager[None]):
    """What is counted inside, such as running statistics, is forgotten.

    Entered once for each backward through the same graph.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def __enter__(self) -> None:
        modules = self._network.modules()
        self._kept = [(m._buffers, dict(m._buffers)) for m in modules]
        for buffers, own in self._kept:
            for name, value in own.items():
                buffers[name] = None if value is None else value.clone()

    def __exit__(self, *_: object) -> None:
        for buffers, own in self._kept:
            buffers.update(own)


@contextmanager
def _no_cached_casts() -> Iterator[None]:
    """Autocast casts weights for each part: gradients add up in float32."""
    before = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(before)
