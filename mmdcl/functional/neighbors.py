"""Nearest neighbours by cosine, exact, in tiles of bounded memory."""

from collections.abc import Iterable

import torch
from torch import Tensor

from .losses import require_positive
from .products import float32_products, products
from .unit import normalise

_GROUP = 8  # cosines, of which most groups have none of the nearest


def order_keys(cosines: Tensor, numbers: Tensor) -> Tensor:
    """Integers in the order of cosines, of equal ones the lowest number last.

    Bits of positive floats are in order, and those of negative ones in the
    reverse; the number, below 2**32, fills the lower half.
    """
    bits = (cosines + 0.0).view(torch.int32)  # -0.0 becomes 0.0
    bits = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return (bits.long() << 32) - numbers


def _from_order_keys(keys: Tensor) -> tuple[Tensor, Tensor]:
    bits = -(-keys >> 32)
    numbers = (bits << 32) - keys
    bits = bits.int()
    bits = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return bits.view(torch.float32), numbers


def _top_keys(cosines: Tensor, numbers: Tensor, k: int) -> Tensor:
    """Keys ``(Q, k)`` of the nearest of a tile, or of all if there are fewer.

    ``topk`` chooses among equals as it likes, so that it is asked for one
    more than needed: where that one is equal to the last, keys decide.
    """
    if k == 1:  # several times faster on a CPU, and the first of equals
        best, index = cosines.max(1, keepdim=True)
        return order_keys(best, numbers[index])
    best, index = torch.topk(cosines, min(k + 1, len(numbers)))
    keys = order_keys(best, numbers[index])[:, :k]
    if len(numbers) > k:
        tied = (best[:, k - 1] == best[:, k]) & ~best[:, k].isneginf()
        for index in torch.split(tied.nonzero()[:, 0], 256):
            every = order_keys(cosines[index], numbers)
            keys[index] = torch.topk(every, k).values
    return keys


def _few_keys(
    best: Tensor, cosines: Tensor, numbers: Tensor, k: int
) -> Tensor | None:
    """Keys ``(Q, R)`` of a tile, the ``k`` nearest of each query among them.

    Left out is what is below the ``k``-th of ``best``, or, if there are not
    so many yet, of the maxima of groups of the tile: all but few groups are
    told by their maximum. On a CPU this takes less than ``topk``.

    Returns:
        None if many are left, or the tile is cut into no groups. Rows are
        filled up with the smallest number there is.
    """
    size, full = len(numbers) // _GROUP, best.shape[1] == k
    if size * _GROUP < len(numbers) or not (full or size >= 2 * k):
        return None
    groups = cosines.reshape(len(best), _GROUP, size)
    highest = groups.amax(1)
    if full:
        bound = _from_order_keys(best.amin(1, True))[0]
    else:
        bound = torch.topk(highest, k, sorted=False).values.amin(1, True)
    rows, places = torch.where(highest >= bound)
    if len(rows) > highest.numel() // 2:
        return None
    found = groups[rows, :, places]
    inside, part = torch.where(found >= bound[rows])
    rows, places = rows[inside], places[inside]
    counts = torch.bincount(rows, minlength=len(best))
    most = int(counts.max())
    if most > size:
        return None
    nth = torch.arange(len(rows)) - (counts.cumsum(0) - counts)[rows]
    keys = best.new_full((len(best), most), torch.iinfo(best.dtype).min)
    number = numbers[part * size + places]
    keys[rows, nth] = order_keys(found[inside, part], number)
    return keys


def _joined(best: Tensor, cosines: Tensor, numbers: Tensor, k: int) -> Tensor:
    """Keys ``(Q, <= k)`` of the nearest so far and of a tile, unsorted."""
    new = None
    if cosines.is_cpu and k > 1 and len(cosines):
        new = _few_keys(best, cosines, numbers, k)
    if new is None:
        new = _top_keys(cosines, numbers, k)
    if k == 1 and best.shape[1]:
        return torch.maximum(best, new)
    both = torch.cat([best, new], dim=1)
    return torch.topk(both, min(k, both.shape[1]), sorted=False).values


def _unit_rows(features: Tensor, added: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of length 1; those that are not finite are hidden."""
    rows = normalise(features).float()
    bad = ~rows.sum(1).isfinite()
    rows.masked_fill_(bad[:, None], 0)
    return rows, added.masked_fill(bad, -torch.inf)


def nearest(
    queries: Tensor,
    tiles: Iterable[tuple[Tensor, ...]],
    k: int,
    chunk: int = 2048,
    normalised: bool = False,
) -> tuple[Tensor, Tensor]:
    """Cosines and numbers of the ``k`` nearest bank rows of each query.

    The bank comes as an iterable of tiles, so that it may be larger than the
    memory of the device, and the answer is still exact. Of rows with the same
    cosine the one with the lowest number is nearer, however the bank is cut.
    With ``k > 1`` an accelerator is waited for.

    Args:
        queries: ``(Q, D)`` features.
        tiles: Pairs of ``(M, D)`` features and ``(M,)`` numbers (or labels)
            in [0, 2**32), ascending within a tile, on the device of
            ``queries``; see :func:`mmdcl.functional.stream_rows`. A third
            tensor ``(M,)`` is added to the cosines: -inf hides a row.
        k: How many neighbours, >= 1.
        chunk: Most queries compared with a tile at a time.
        normalised: The bank's rows are of length 1 already. Otherwise rows
            that are not finite are hidden.

    Returns:
        ``(Q, k)`` cosines in descending order, and ``(Q, k)`` numbers.

    Raises:
        ValueError: ``k`` is below 1, or the bank holds fewer rows.
    """
    if k < 1:
        raise ValueError(f'`k` must be >= 1, got {k}')
    with (
        torch.autocast(queries.device.type, enabled=False),
        float32_products(),
    ):
        parts = torch.split(normalise(queries).float(), chunk)
        many = queries.is_cpu and k > 1  # a support set is asked for one
        best: list[Tensor] = [
            torch.empty((len(x), 0), dtype=torch.long, device=x.device)
            for x in parts
        ]
        total = 0
        for features, numbers, *offset in tiles:
            if len(features) == 0:
                continue
            total += len(features)
            added = offset[0] if offset else queries.new_zeros(()).float()
            if normalised:
                columns = features.float()
            else:
                added = added.expand(len(features))
                columns, added = _unit_rows(features, added)
            for i, part in enumerate(parts):
                cosines = products(added, part, columns, many=many)
                best[i] = _joined(best[i], cosines, numbers, k)
    if total < k:
        raise ValueError(f'k={k} neighbours, but the bank holds only {total}')
    return _from_order_keys(torch.cat(best).sort(1, descending=True).values)


def vote(
    cosines: Tensor, labels: Tensor, num_classes: int, temperature: float
) -> Tensor:
    """Class scores from neighbours, each weighted by ``exp(cosine / t)``.

    The weighted vote of Wu et al., CVPR 2018, arXiv 1805.01978.

    Args:
        cosines: ``(Q, k)`` cosines with the neighbours.
        labels: ``(Q, k)`` labels of the neighbours, in [0, C).
        num_classes: ``C``.
        temperature: ``t`` > 0.

    Returns:
        ``(Q, C)`` scores, each row summing to 1.
    """
    require_positive('temperature', temperature)
    weight = torch.softmax(cosines / temperature, dim=1)
    scores = weight.new_zeros((len(cosines), num_classes))
    return scores.scatter_add_(1, labels, weight)


def knn_scores(
    queries: Tensor,
    bank: Tensor,
    bank_labels: Tensor,
    num_classes: int,
    k: int = 20,
    temperature: float = 0.07,
    tile: int = 4096,
) -> Tensor:
    """Weighted k-nearest-neighbour classification in one call.

    Args:
        queries: ``(Q, D)`` features.
        bank: ``(M, D)`` features of labelled images.
        bank_labels: ``(M,)`` their labels, in [0, C).
        num_classes: ``C``.
        k: How many neighbours vote.
        temperature: Of the vote, > 0.
        tile: Most bank rows compared at a time.

    Returns:
        ``(Q, C)`` scores, each row summing to 1; the prediction is the
        argmax.

    Raises:
        ValueError: ``k`` is below 1, the bank holds fewer rows, or the
            temperature is not positive.
    """
    number = torch.arange(len(bank), device=bank.device)
    tiles = zip(
        torch.split(bank, tile), torch.split(number, tile), strict=True
    )
    cosines, found = nearest(queries, tiles, k)
    return vote(cosines, bank_labels[found], num_classes, temperature)
