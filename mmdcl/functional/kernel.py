"""The logsumexp over negatives in tiles, with its own backward.

Beside what fits into a small budget, only embeddings and rows are kept for the
backward. Cosines are bounded, so that ``exp(cosine / temperature)`` needs no
running maximum unless the temperature is tiny. Among the embeddings of one
process their matrix is symmetric, so that a tile serves its rows and its
columns. Across processes the gradient of a row needs the gathered embeddings
and one number of each gathered row.

Letters: ``V`` views, ``B`` images of this process, ``G`` of all processes,
``D`` width. Of the ``VG`` columns ``i, i + G, ...`` are of image ``i``.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from .derivatives import once, require_plain
from .gather import Peers

# From here on exp(1 / temperature), summed over any batch, is a float32.
LOWEST_TEMPERATURE = 0.03
# Bytes of exponentials that are kept for the backward, not computed again.
_KEPT = 2**25


def _tile(device: torch.device) -> int:
    """Rows of a tile: what caches hold, or what keeps a GPU busy."""
    return 256 if device.type == 'cpu' else 4096


def _blocks(
    rows: Tensor,
    columns: Tensor,
    first: int,
    images: int,
    tile: int,
    kept: list[Tensor],
    symmetric: bool = False,
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Tiles of ``exp(row . column)``, zero where both are of one image.

    Args:
        rows: ``(R, D)`` of consecutive images, scaled.
        columns: ``(VG, D)``, scaled.
        first: Image of the first row.
        images: ``G``.
        tile: Most rows and most columns of a tile.
        kept: Tiles of an earlier round, or empty; filled if there is room.
        symmetric: ``rows`` are ``columns``; nothing below the diagonal.

    Yields:
        Which rows, which columns, and their tile, valid until the next.
    """
    halves = 2 if symmetric else 1
    size = len(rows) * len(columns) * rows.element_size() // halves
    full = bool(kept)
    views = len(columns) // images
    number = 0
    block = rows.new_empty(0)
    for i in range(0, len(rows), tile):
        a = slice(i, min(i + tile, len(rows)))
        for j in range(i if symmetric else 0, len(columns), tile):
            b = slice(j, min(j + tile, len(columns)))
            if full:
                yield a, b, kept[number]
                number += 1
                continue
            shape = (a.stop - i, b.stop - j)
            if size <= _KEPT or block.shape != shape:
                block = rows.new_empty(shape)
            torch.mm(rows[a], columns[b].T, out=block)
            block.exp_()
            for view in range(1 - views, views):
                diagonal = first + i - j + view * images
                if -shape[0] < diagonal < shape[1]:
                    block.diagonal(diagonal).zero_()
            if size <= _KEPT:
                kept.append(block)
            yield a, b, block


def _own_rows(columns: Tensor, views: int, peers: Peers) -> Tensor:
    """Rows ``(V, B, D)`` of this process among the columns of all."""
    return columns.view(views, peers.total, -1)[:, peers.own]


def among_all(
    views: Tensor, temperature: float, tile: int | None, peers: Peers
) -> tuple[Tensor, Tensor]:
    """``S`` of each embedding against those of all other images.

    Args:
        views: ``(V, B, D)`` normalised embeddings of this process.
        temperature: >= ``LOWEST_TEMPERATURE``.
        tile: Rows of a tile. Default: what suits the device.
        peers: Of the ``B`` images.

    Returns:
        ``(V, B)`` rows, and ``(V, G, D)`` all embeddings, without gradient.
    """
    tile = tile or _tile(views.device)
    s, columns = _AmongAll.apply(views, temperature, tile, peers)
    shape = (len(views), peers.total, views.shape[2])
    return s, columns.view(shape) * temperature**0.5


def against_columns(
    anchors: Tensor,
    columns: Tensor,
    first: int,
    temperature: float,
    tile: int | None = None,
) -> Tensor:
    """``S`` of anchors against the columns of all other images.

    Args:
        anchors: ``(A, B, D)`` normalised, of image ``first`` and following.
        columns: ``(V, G, D)`` normalised.
        first: Index of the first image of this process, in [0, G).
        temperature: >= ``LOWEST_TEMPERATURE``.
        tile: Rows of a tile. Default: what suits the device.

    Returns:
        ``(A, B)`` rows.
    """
    tile = tile or _tile(columns.device)
    s: Tensor = _AgainstColumns.apply(
        anchors, columns, first, temperature, tile
    )
    return s


class _AmongAll(torch.autograd.Function):
    """``S`` of each embedding against those of all other images."""

    @staticmethod
    def forward(
        ctx: Any, views: Tensor, temperature: float, tile: int, peers: Peers
    ) -> tuple[Tensor, Tensor]:
        # Detached, for torch 2.5 compiles this as if it needed a gradient.
        scaled = views.detach() * temperature**-0.5
        columns = peers.gather(scaled.transpose(0, 1)).transpose(0, 1)
        columns = columns.flatten(0, 1)  # (VG, D)
        sums = columns.new_zeros(views.shape[:2])
        ctx.kept = [[] for _ in views]
        if peers.alone:
            flat = sums.view(-1)
            for a, b, block in _blocks(
                columns, columns, 0, peers.total, tile, ctx.kept[0], True
            ):
                flat[a] += block.sum(1)
                if a != b:
                    flat[b] += block.sum(0)
        else:
            for view, rows in enumerate(_own_rows(columns, len(views), peers)):
                for a, _, block in _blocks(
                    rows,
                    columns,
                    peers.own.start,
                    peers.total,
                    tile,
                    ctx.kept[view],
                ):
                    sums[view, a] += block.sum(1)
        ctx.save_for_backward(columns, sums, views)
        ctx.temperature, ctx.tile, ctx.peers = temperature, tile, peers
        ctx.mark_non_differentiable(columns)
        return sums.log(), columns

    @staticmethod
    def backward(
        ctx: Any, grad: Tensor, _: Tensor
    ) -> tuple[Tensor | None, ...]:
        require_plain(grad)
        columns, sums, views = ctx.saved_tensors
        with (
            torch.no_grad(),
            torch.autocast(grad.device.type, enabled=False),
        ):
            found = _among_all_backward(ctx, grad, columns, sums)
        return once(found, grad, views), None, None, None


def _among_all_backward(
    ctx: Any, grad: Tensor, columns: Tensor, sums: Tensor
) -> Tensor:
    peers, tile, views = ctx.peers, ctx.tile, len(sums)
    own = grad / sums  # (V, B)
    every = peers.gather(own.T).T.flatten()  # (VG,)
    found: Tensor = columns.new_zeros((*sums.shape, columns.shape[1]))
    if peers.alone:
        flat = found.view(-1, columns.shape[1])
        for a, b, block in _blocks(
            columns, columns, 0, peers.total, tile, ctx.kept[0], True
        ):
            weight = (every[a, None] + every[b]).mul_(block)
            flat[a].addmm_(weight, columns[b])
            if a != b:
                flat[b].addmm_(weight.T, columns[a])
    else:
        for view, rows in enumerate(_own_rows(columns, views, peers)):
            for a, b, block in _blocks(
                rows,
                columns,
                peers.own.start,
                peers.total,
                tile,
                ctx.kept[view],
            ):
                weight = (own[view, a, None] + every[b]).mul_(block)
                found[view, a].addmm_(weight, columns[b])
    return found.mul_(ctx.temperature**-0.5)


class _AgainstColumns(torch.autograd.Function):
    """``S`` of anchors against the columns of all other images."""

    @staticmethod
    def forward(
        ctx: Any,
        anchors: Tensor,
        columns: Tensor,
        first: int,
        temperature: float,
        tile: int,
    ) -> Tensor:
        scaled = [x.detach() * temperature**-0.5 for x in (anchors, columns)]
        images = columns.shape[1]
        rows, flat = scaled[0], scaled[1].flatten(0, 1)
        sums: Tensor = rows.new_zeros(rows.shape[:2])
        ctx.kept = [[] for _ in rows]
        for view, kept in enumerate(ctx.kept):
            for a, _, block in _blocks(
                rows[view], flat, first, images, tile, kept
            ):
                sums[view, a] += block.sum(1)
        ctx.save_for_backward(rows, flat, sums, anchors, columns)
        ctx.first, ctx.images, ctx.tile = first, images, tile
        ctx.temperature = temperature
        return sums.log()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        require_plain(grad)
        *saved, anchors, columns = ctx.saved_tensors
        with (
            torch.no_grad(),
            torch.autocast(grad.device.type, enabled=False),
        ):
            found = _against_columns_backward(ctx, grad, *saved)
        first = [once(x, grad, anchors, columns) for x in found]
        return *first, None, None, None


def _against_columns_backward(
    ctx: Any, grad: Tensor, rows: Tensor, columns: Tensor, sums: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    own = grad / sums
    to_rows, to_columns = ctx.needs_input_grad[:2]
    of_rows = torch.zeros_like(rows) if to_rows else None
    of_columns = torch.zeros_like(columns) if to_columns else None
    for view, kept in enumerate(ctx.kept):
        for a, b, block in _blocks(
            rows[view], columns, ctx.first, ctx.images, ctx.tile, kept
        ):
            weight = own[view, a, None] * block
            if of_rows is not None:
                of_rows[view, a].addmm_(weight, columns[b])
            if of_columns is not None:
                of_columns[b].addmm_(weight.T, rows[view, a])
    scale = ctx.temperature**-0.5
    if of_rows is not None:
        of_rows.mul_(scale)
    if of_columns is not None:
        shape = (-1, ctx.images, columns.shape[1])
        of_columns = of_columns.mul_(scale).view(shape)
    return of_rows, of_columns
