"""In which order a network gets the channels of its images."""

from collections.abc import Mapping
from typing import Any

from ..config_parts import datasets_in, part, preprocessor_of, short_name

_IN_MEMORY_RGB = ('CIFAR10', 'CIFAR100')
_OTHER = {'rgb': 'bgr', 'bgr': 'rgb'}


def trained_order(pretraining: Mapping[str, Any]) -> str | None:
    """``'rgb'`` or ``'bgr'``: what reached a network in pretraining.

    Args:
        pretraining: Of
            :func:`mmdcl.checkpoints.architecture.pretraining_config`.

    Returns:
        None where that is not known.
    """
    if pretraining.get('channel_order') in _OTHER:  # an export says it
        return pretraining['channel_order']
    dataset = part(pretraining, 'train_dataloader', 'dataset')
    return channel_order(dataset, turns_around(preprocessor_of(pretraining)))


def turns_around(preprocessor: Mapping[str, Any]) -> bool:
    """Whether the config of a data preprocessor says so, of the channels."""
    return bool(preprocessor.get('to_rgb') or preprocessor.get('bgr_to_rgb'))


def channel_order(dataset: Any, turned_around: bool) -> str | None:
    """``'rgb'`` or ``'bgr'``: what reaches the network.

    Args:
        dataset: Config of the dataset; wrapped or concatenated ones count by
            the first inside.
        turned_around: By the data preprocessor.

    Returns:
        None where that is not known.
    """
    first = next(datasets_in(dataset), {})
    kind = short_name(first.get('type'))
    order = 'rgb' if kind in _IN_MEMORY_RGB else None
    for transform in first.get('pipeline') or []:
        if not isinstance(transform, Mapping):
            continue
        name = short_name(transform.get('type'))
        if name == 'LoadImageFromFile':
            order = 'bgr'
        elif name == 'LoadMultichannelImage':
            order = 'rgb'
        elif name == 'ChannelOrder':
            order = str(transform.get('order', order))
    return _OTHER.get(order or '') if turned_around else order
