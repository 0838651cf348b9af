"""Nearest neighbours by cosine, exact, in tiles of bounded memory."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .contrast import require_positive


@contextmanager
def _float32_products() -> Iterator[None]:
    """Full float32 in matrix products, whatever the user chose for the rest.

    TF32 and bfloat16 products confuse neighbours of nearly equal cosine.
    """
    backends = (torch.backends.cuda, torch.backends.mkldnn)
    places: list[Any] = [
        getattr(backend, 'matmul', None) for backend in backends
    ]
    if not all(hasattr(place, 'fp32_precision') for place in places):
        # torch before 2.9
        chosen = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision('highest')
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(chosen)
        return
    before = [p.fp32_precision for p in places]
    try:
        for place in places:
            place.fp32_precision = 'ieee'
        yield
    finally:
        for place, precision in zip(places, before, strict=True):
            place.fp32_precision = precision


def _top(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    if k == 1:  # several times faster on a CPU
        values, index = x.max(1, keepdim=True)
        return values, index
    values, index = torch.topk(x, k)
    return values, index


def nearest(
    queries: Tensor,
    tiles: Iterable[tuple[Tensor, ...]],
    k: int,
    chunk: int = 2048,
    normalised: bool = False,
) -> tuple[Tensor, Tensor]:
    """Cosines and labels of the ``k`` nearest bank rows of each query.

    The bank comes as an iterable of tiles, so that it may be larger than the
    memory of the device, and the answer is still exact.

    Args:
        queries: ``(Q, D)`` features.
        tiles: Pairs of ``(M, D)`` features and ``(M,)`` labels, on the device
            of ``queries``; see :func:`mmdcl.functional.stream_rows`. A third
            tensor ``(M,)`` is added to the cosines: -inf hides a row.
        k: How many neighbours, >= 1.
        chunk: Most queries compared with a tile at a time.
        normalised: The bank's rows are of length 1 already.

    Returns:
        ``(Q, k)`` cosines in descending order, and ``(Q, k)`` labels.

    Raises:
        ValueError: The bank holds fewer than ``k`` rows.
    """
    with (
        torch.autocast(queries.device.type, enabled=False),
        _float32_products(),
    ):
        queries = F.normalize(queries.float(), dim=1)
        cosines = queries.new_empty((len(queries), 0))
        labels = torch.empty_like(cosines, dtype=torch.long)
        rows = 0
        for features, tile_labels, *offset in tiles:
            rows += len(features)
            columns = features.float()
            if not normalised:
                columns = F.normalize(columns, dim=1)
            added = offset[0] if offset else columns.new_zeros(())
            found_cosines, found_labels = [], []
            for start in range(0, len(queries), chunk):
                part = slice(start, start + chunk)
                cosine, index = _top(
                    torch.addmm(added, queries[part], columns.T),
                    min(k, len(features)),
                )
                cosine = torch.cat([cosines[part], cosine], dim=1)
                label = torch.cat([labels[part], tile_labels[index]], dim=1)
                cosine, index = _top(cosine, min(k, cosine.shape[1]))
                found_cosines.append(cosine)
                found_labels.append(label.gather(1, index))
            if found_cosines:
                cosines = torch.cat(found_cosines)
                labels = torch.cat(found_labels)
    if rows < k:
        raise ValueError(f'k={k} neighbours, but the bank holds only {rows}')
    return cosines, labels


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
    tile: int = 8192,
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
        ValueError: The bank holds fewer than ``k`` rows, or the temperature
            is not positive.
    """
    tiles = zip(
        torch.split(bank, tile), torch.split(bank_labels, tile), strict=True
    )
    return vote(*nearest(queries, tiles, k), num_classes, temperature)
