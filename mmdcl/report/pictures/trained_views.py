"""``views.png``: what the first batch of a training looked like."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...checkpoints.channels import channel_order
from ..images.thumbnails import Canvas, shown, stretched

_IMAGES = 8
_ROW = 4  # images beside each other, of two views each
_SIZES = (160, 128, 96, 64, 48)  # of a view in pixels, the first that fits
_WITHIN, _BETWEEN = 2, 12  # pixels between views, and between images
_LARGEST = 300_000  # bytes


def save_views(
    views: Tensor | Sequence[Tensor],
    preprocessor: nn.Module,
    dataset: Any,
    path: Path,
) -> None:
    """Draw views as they reached the network, each image's side by side.

    Args:
        views: Of the data preprocessor: ``(B, C, H, W)`` each, or one.
        preprocessor: By whose mean and deviation they are normalised.
        dataset: Config of the training images, which tells RGB from BGR.
        path: PNG to write, below 300 kB.

    Raises:
        ValueError: They are no images.
    """
    found = [views] if isinstance(views, Tensor) else list(views)
    if not found or any(getattr(x, 'ndim', 0) != 4 for x in found):
        raise ValueError('a batch holds no views (B, C, H, W)')
    turned = any(
        getattr(preprocessor, name, False)
        for name in ('_channel_conversion', 'to_rgb')
    )
    order = channel_order(dataset, turned) or ('rgb' if turned else 'bgr')
    arrays = [_levels(view[:_IMAGES], preprocessor) for view in found]
    whole = [x for view in arrays for x in view]
    if any(x.dtype != np.uint8 for x in whole):
        # All alike, for what was drawn of their bands to be seen.
        rest = iter(stretched([x[..., :3] for x in whole]))
        arrays = [[next(rest) for _ in view] for view in arrays]
    images = [[shown(x, order) for x in view] for view in arrays]
    for count in (_IMAGES, _ROW, 1):
        for size in _SIZES:
            data = _png([view[:count] for view in images], size)
            if len(data) < _LARGEST:
                break
        else:
            continue
        break
    part = path.with_name(f'.{path.name}.part')
    part.write_bytes(data)
    part.replace(path)


def _levels(view: Tensor, preprocessor: nn.Module) -> list[Any]:
    """Arrays ``(H, W, C)``: uint8 if they are levels from 0 to 255."""
    view = view.detach().float()
    if getattr(preprocessor, '_enable_normalize', False):
        view = view * preprocessor.std + preprocessor.mean
    low, high = float(view.min()), float(view.max())
    if view.shape[1] <= 3 and low > -0.5 and 1 < high < 255.5:
        view = view.round().to(torch.uint8)
    return list(view.permute(0, 2, 3, 1).cpu().numpy())


def _png(views: Sequence[Sequence[Any]], size: int) -> bytes:
    from PIL import Image

    number, each = len(views[0]), len(views)
    side = max(max(x.shape[:2]) for x in views[0])
    size = side * max(1, size // side) if side < size else size
    in_row = min(number, max(1, 2 * _ROW // each))
    rows = -(-number // in_row)
    wide = each * (size + _WITHIN) - _WITHIN + _BETWEEN
    high = size + _BETWEEN
    canvas = Canvas(in_row * wide - _BETWEEN, rows * high - _BETWEEN)
    for i in range(number):
        row, column = divmod(i, in_row)
        for k, view in enumerate(views):
            left = column * wide + k * (size + _WITHIN)
            canvas.paste(view[i], left, row * high, size)
    file = io.BytesIO()
    Image.fromarray(canvas.pixels).save(file, 'PNG', optimize=True)
    return file.getvalue()
