"""Products of rows on any device: whole float32, the same bits however cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# Products smaller than this go through other kernels, which round otherwise.
_SMALLEST = 32
_PARTS = 16  # fewer, and one thread of torch multiplies by BLAS


def _has_precision(place: Any) -> bool:
    try:
        return hasattr(place, 'fp32_precision')
    except AssertionError:  # how torch 2.1 says no
        return False


@contextmanager
def float32_products() -> Iterator[None]:
    """Full float32 in matrix products, whatever the user chose for the rest.

    TF32 and bfloat16 products confuse neighbours of nearly equal cosine.
    """
    backends = torch.backends
    places: list[Any] = [
        getattr(backends.cuda, 'matmul', None),
        getattr(backends.mkldnn, 'matmul', None),
        getattr(backends.mkldnn, 'conv', None),
    ]
    if not all(map(_has_precision, places)):
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


def products(
    added: Tensor, queries: Tensor, columns: Tensor, *, many: bool
) -> Tensor:
    """``(Q, M)`` products whose bits do not depend on ``Q`` or ``M``.

    Args:
        added: To each product: one number, or ``(M,)``.
        queries: ``(Q, D)`` float32.
        columns: ``(M, D)`` float32.
        many: Queries are on a CPU, and mostly more than 64. Then products
            are a convolution of 1 x 1, which is oneDNN's, and on AMD faster
            than torch's product, MKL's (``tools/speed/knn.py``).
    """
    length, width = len(queries), len(columns)
    rows = max(_SMALLEST, -(-length // _PARTS) * _PARTS if many else length)
    queries = F.pad(queries, (0, 0, 0, rows - length))
    columns = F.pad(columns, (0, 0, 0, max(0, _SMALLEST - width)))
    if added.ndim:
        added = F.pad(added, (0, len(columns) - width))
    if not many:
        return torch.addmm(added, queries, columns.T)[:length, :width]
    images = queries.view(_PARTS, -1, 1, queries.shape[1]).permute(0, 3, 1, 2)
    found = F.conv2d(
        images, columns[:, :, None, None], added.expand(len(columns))
    )
    found = found.permute(0, 2, 3, 1).reshape(rows, -1)
    return found[:length, :width]
