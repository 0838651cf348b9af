"""RGB where RGB is expected."""

import logging
from collections.abc import Iterator
from typing import Any

import torch
from mmcv.transforms import LoadImageFromFile, Normalize
from mmengine.logging import print_log
from mmpretrain.datasets import CIFAR10

from ..errors import UserValueError
from .class_check import leaves

# Means of red, green and blue that configs have: ImageNet, CIFAR-10,
# CIFAR-100, CLIP. Others do not tell in which order they are.
_MEANS = (
    (123.675, 116.28, 103.53),
    (125.307, 122.961, 113.8575),
    (129.304, 124.07, 112.434),
    (122.771, 116.746, 104.094),
)
# Whose transforms leave the order of channels as it is.
_KNOWN = ('mmcv', 'mmpretrain', 'mmdcl')


def _transforms(pipeline: Any) -> Iterator[Any]:
    """All of a pipeline, those of its views included."""
    inner = getattr(pipeline, 'transforms', None)
    for transform in inner if isinstance(inner, list) else []:
        yield transform
        yield from _transforms(transform)
        for view in getattr(transform, 'pipelines', None) or []:
            yield from _transforms(view)


def channel_order(dataset: Any) -> str | None:
    """``'rgb'`` or ``'bgr'``, what a dataset gives; ``None`` if not sure."""
    order = 'rgb' if isinstance(dataset, CIFAR10) else None
    for transform in _transforms(getattr(dataset, 'pipeline', None)):
        if isinstance(transform, LoadImageFromFile):
            colour = transform.color_type == 'color'
            known = colour and transform.imdecode_backend != 'tifffile'
            order = 'bgr' if known else None
        elif hasattr(transform, 'channel_order'):
            order = transform.channel_order
        elif (
            isinstance(transform, Normalize)
            or type(transform).__module__.partition('.')[0] not in _KNOWN
        ):
            order = None
    return order


def _mean_order(preprocessor: Any) -> str | None:
    """Of which order the mean is; ``None`` if not sure."""
    mean = getattr(preprocessor, 'mean', None)
    if not isinstance(mean, torch.Tensor) or mean.numel() != 3:
        return None
    mean = mean.flatten().cpu()
    for known in map(torch.tensor, _MEANS):
        if (mean - known).abs().max() < 1:
            return 'rgb'
        if (mean - known.flip(0)).abs().max() < 1:
            return 'bgr'
    return None


def check_channels(model: Any, datasets: dict[str, Any]) -> None:
    """Compare the order of channels with what the model does to it.

    Args:
        model: With a ``data_preprocessor``.
        datasets: By what messages shall call them.

    Raises:
        ValueError: Datasets come in different orders.
    """
    orders = {
        name: order
        for name, dataset in datasets.items()
        for leaf in leaves(dataset)
        if (order := channel_order(leaf))
    }
    if len(set(orders.values())) > 1:
        said = ', '.join(f'{k} in {v.upper()}' for k, v in orders.items())
        raise UserValueError(
            f'images come in different orders of channels: {said}. Add '
            "dict(type='mmdcl.ChannelOrder', order='rgb') after loading to "
            'each pipeline, with `to_rgb=False` in the data_preprocessor'
        )
    preprocessor = getattr(model, 'data_preprocessor', None)
    turned = getattr(
        preprocessor,
        '_channel_conversion',
        getattr(preprocessor, 'to_rgb', False),
    )
    mean = _mean_order(preprocessor)
    for name, order in orders.items():
        seen = order[::-1] if turned else order
        if mean and seen != mean:
            print_log(
                f'{name}: images are {order.upper()} and the '
                f'data_preprocessor {"turns" if turned else "leaves"} them, '
                f'but its mean and std are those of {mean.upper()}: set '
                f'data_preprocessor.to_rgb={not turned}',
                'current',
                logging.WARNING,
            )
            return
