"""``contrast.dense_log_sums`` in tiles: the same function, in little memory.

Of anchors ``z_i`` that are columns, too, as both views of all images are, let

    S_i = sum_j exp(z_i . z_j / t),    s_i = log S_i,    g_i = d loss / d s_i

with ``j`` over the embeddings of all other images, or, where there are
classes, of all images of other classes; ``s`` is what is returned. ``z_i``
stands in its own ``s_i``, whose derivative has the factor ``1 / S_i``, and as
a column in each ``s_j``, with ``1 / S_j``. The exponential is the same in
both, so that

    d/dz_i = (1/t) sum_j (g_i/S_i + g_j/S_j) exp(z_i.z_j/t) z_j

and the backward is the loop of the forward again: exponentials of a tile,
times weights, times embeddings. What is kept in between are ``z`` and ``S``,
and tiles that fit a small budget. Where anchors ``a_i`` and columns ``c_j``
differ, the two terms part:

    d/da_i = (1/t) sum_j (g_i/S_i) exp(a_i.c_j/t) c_j
    d/dc_j = (1/t) sum_i (g_i/S_i) exp(a_i.c_j/t) a_i

Three things make it quick. Products of unit vectors are at most 1, so that
exponentials need no running maximum unless ``t`` is tiny. On one process
their matrix is symmetric, and a tile above the diagonal serves its rows and
its columns. On many, ``d/dz_i`` takes the ``z_j`` that the forward has
gathered and one number ``g_j/S_j`` of each: no gradient travels.

Letters: ``A`` anchors and ``V`` columns of an image, ``B`` images of this
process, ``G`` of all, ``D`` width. Of the ``VG`` columns ``i, i + G, ...`` are
of image ``i``.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from .derivatives import FIRST_ONLY, once, require_plain
from .gather import Peers, gather_without_gradient
from .losses import require_positive

# From here on exp(1 / temperature), summed over any batch, is a float32.
LOWEST_TEMPERATURE = 0.03
# Below, the whole matrix is quicker (16 images: 12 %), from 64 on tiles are,
# and in between it makes 7 % or less. Measured on a CPU, none on a GPU, by
# `tools/speed/loss.py --peers tiles dense`: results/speed/loss_small.json.
FEWEST_IMAGES = 32
# Bytes of exponentials that are kept for the backward, not computed again.
KEPT_BYTES = 2**25


def tile_for(
    tile: int | None,
    temperature: float | Tensor,
    images: int,
    device: torch.device,
) -> int:
    """Rows of a tile, or 0: all similarities at once.

    Without a wish it is 0 for few images, and at a low temperature always.

    Args:
        tile: What the user asks for, or ``None``.
        temperature: > 0.
        images: Of all processes.
        device: Of the embeddings.

    Raises:
        ValueError: ``tile`` is negative, or the temperature not positive.
        NotImplementedError: The temperature asks for a gradient.
    """
    require_positive('temperature', temperature)
    if tile is not None and tile < 0:
        raise ValueError(f'`tile` must be >= 0, got {tile}')
    if tile == 0:
        return 0
    if isinstance(temperature, Tensor):
        require_plain(temperature)
        if temperature.requires_grad:
            raise NotImplementedError(FIRST_ONLY)
    few = tile is None and images < FEWEST_IMAGES
    if few or float(temperature) < LOWEST_TEMPERATURE:
        return 0
    # What caches hold, or what keeps a GPU busy.
    return tile or (256 if device.type == 'cpu' else 4096)


def tiled_log_sums(
    anchors: Tensor,
    columns: Tensor,
    peers: Peers,
    temperature: float,
    tile: int,
    alike: bool = False,
    classes: Tensor | None = None,
) -> Tensor:
    """As :func:`~mmdcl.functional.contrast.dense_log_sums`, in tiles.

    Args:
        anchors: ``(A, B, D)`` of length 1.
        columns: ``(V, G, D)`` of length 1.
        peers: Who holds which images.
        temperature: >= ``LOWEST_TEMPERATURE``.
        tile: Most rows and most columns of a tile, >= 1.
        alike: ``columns`` are the ``anchors`` of all processes. Then they are
            to be gathered without gradient: anchors receive all of it.
        classes: ``(G,)``, as there.

    Returns:
        ``(A, B)``, with first derivatives only.
    """
    s: Tensor = _LogSums.apply(
        anchors, columns, peers, temperature, tile, alike, classes
    )
    return s


class _LogSums(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        anchors: Tensor,
        columns: Tensor,
        peers: Peers,
        temperature: float,
        tile: int,
        alike: bool,
        classes: Tensor | None,
    ) -> Tensor:
        ctx.peers, ctx.temperature, ctx.tile = peers, temperature, tile
        ctx.classes = classes
        ctx.alike, ctx.mirrored = alike, alike and peers.alone
        rows, flat = _scaled(ctx, anchors, columns)
        sums: Tensor = rows.new_zeros(rows.shape[:2])
        ctx.kept = [[] for _ in rows]
        for part, a, b, block in _blocks(ctx, rows, flat):
            sums[part, a] += block.sum(1)
            if ctx.mirrored and a != b:
                sums[part, b] += block.sum(0)
        sums = sums.view(anchors.shape[:2])
        ctx.save_for_backward(anchors, columns, sums)
        return sums.log()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        require_plain(grad)
        anchors, columns, sums = ctx.saved_tensors
        with (
            torch.no_grad(),
            torch.autocast(grad.device.type, enabled=False),
        ):
            gradients = _gradients(ctx, grad / sums, anchors, columns)
        refusing = [once(x, grad, anchors, columns) for x in gradients]
        return *refusing, None, None, None, None, None


def _scaled(
    ctx: Any, anchors: Tensor, columns: Tensor
) -> tuple[Tensor, Tensor]:
    """Rows ``(A, B, D)`` and columns ``(VG, D)`` whose products are logits.

    If the matrix is symmetric, all of its rows are one part ``(1, VG, D)``.
    """
    scale = ctx.temperature**-0.5
    # Detached, for torch 2.5 compiles this as if it needed a gradient.
    flat = columns.detach().flatten(0, 1) * scale
    return flat[None] if ctx.mirrored else anchors.detach() * scale, flat


def _blocks(
    ctx: Any, rows: Tensor, columns: Tensor
) -> Iterator[tuple[int, slice, slice, Tensor]]:
    """Tiles of ``exp(row . column)``, zero where both are of one class.

    In the first round those that fit are put into ``ctx.kept``, from where the
    next round has them. Of a symmetric matrix none is from below the diagonal.

    Yields:
        Which part of the rows, which rows of it, which columns, and their
        tile, valid until the next.
    """
    (parts, length, _), width = rows.shape, len(columns)
    tile, views = ctx.tile, width // ctx.peers.total
    halves = 2 if ctx.mirrored else 1
    keep = length * width * rows.element_size() // halves <= KEPT_BYTES
    for part in range(parts):
        kept: list[Tensor] = ctx.kept[part]
        again, number = bool(kept), 0
        block = rows.new_empty(0)
        for i in range(0, length, tile):
            a = slice(i, min(i + tile, length))
            for j in range(i if ctx.mirrored else 0, width, tile):
                b = slice(j, min(j + tile, width))
                if again:
                    yield part, a, b, kept[number]
                    number += 1
                    continue
                shape = (a.stop - i, b.stop - j)
                if keep or block.shape != shape:
                    block = rows.new_empty(shape)
                torch.mm(rows[part, a], columns[b].T, out=block)
                block.exp_()
                _leave_out_own(ctx, block, a, b, views)
                if keep:
                    kept.append(block)
                yield part, a, b, block


def _leave_out_own(
    ctx: Any, block: Tensor, rows: slice, columns: slice, views: int
) -> None:
    """Zero where a tile's row and column are of one image, or one class."""
    if ctx.classes is not None:
        every = ctx.classes.repeat(views)
        own = every if ctx.mirrored else ctx.classes[ctx.peers.own]
        block.masked_fill_(own[rows, None] == every[columns], 0)
        return
    # Row i is of image `own.start + i`, as are columns of it.
    shift = ctx.peers.own.start + rows.start - columns.start
    for view in range(1 - views, views):
        diagonal = shift + view * ctx.peers.total
        if -block.shape[0] < diagonal < block.shape[1]:
            block.diagonal(diagonal).zero_()


def _gradients(
    ctx: Any, weight: Tensor, anchors: Tensor, columns: Tensor
) -> list[Tensor | None]:
    """Of anchors ``(A, B, D)`` and columns ``(V, G, D)``, as derived above.

    Args:
        ctx: Of the forward.
        weight: ``(A, B)`` of anchors, ``g / S``.
        anchors: ``(A, B, D)``.
        columns: ``(V, G, D)``.
    """
    rows, flat = _scaled(ctx, anchors, columns)
    of_rows = torch.zeros_like(rows) if ctx.needs_input_grad[0] else None
    of_columns = torch.zeros_like(flat) if ctx.needs_input_grad[1] else None
    # What a tile adds to its columns, which may be rows, too.
    across = of_rows[0] if ctx.mirrored and of_rows is not None else of_columns
    if ctx.alike:  # columns are anchors, with weights of their own
        every = gather_without_gradient(weight.T, ctx.peers).T.flatten()
    weight = weight.reshape(rows.shape[:2])
    for part, a, b, block in _blocks(ctx, rows, flat):
        if ctx.alike:  # (g_i/S_i + g_j/S_j) exp
            factor = (weight[part, a, None] + every[b]).mul_(block)
        else:
            factor = weight[part, a, None] * block
        if of_rows is not None:
            of_rows[part, a].addmm_(factor, flat[b])
        if across is not None and not (ctx.mirrored and a == b):
            across[b].addmm_(factor.T, rows[part, a])
    return [
        None if x is None else x.mul_(ctx.temperature**-0.5).view(like.shape)
        for x, like in ((of_rows, anchors), (of_columns, columns))
    ]
