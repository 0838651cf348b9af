"""In which order a network gets the channels of its images."""

from collections.abc import Mapping
from typing import Any

_IN_MEMORY_RGB = ('CIFAR10', 'CIFAR100')
_OTHER = {'rgb': 'bgr', 'bgr': 'rgb'}


def short_name(kind: Any) -> str:
    """Of a registered class, given as a name, a dotted name or itself."""
    return getattr(kind, '__name__', str(kind)).rpartition('.')[2]


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
    model = pretraining.get('model') or {}
    then = model.get('data_preprocessor') or pretraining.get(
        'data_preprocessor'
    )
    then = then or {}
    loader = pretraining.get('train_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
    turned = bool(then.get('to_rgb') or then.get('bgr_to_rgb'))
    return channel_order(dataset, turned)


def channel_order(dataset: Any, turned_around: bool) -> str | None:
    """``'rgb'`` or ``'bgr'``: what reaches the network.

    Args:
        dataset: Config of the dataset; wrapped or concatenated ones count by
            the first inside.
        turned_around: By the data preprocessor.

    Returns:
        None where that is not known.
    """
    while isinstance(dataset, Mapping) and (
        dataset.get('dataset') or dataset.get('datasets')
    ):
        dataset = dataset.get('dataset') or dataset['datasets'][0]
    if not isinstance(dataset, Mapping) or 'type' not in dataset:
        return None
    kind = short_name(dataset['type'])
    order = 'rgb' if kind in _IN_MEMORY_RGB else None
    for transform in dataset.get('pipeline') or []:
        name = (
            short_name(transform.get('type'))
            if isinstance(transform, Mapping)
            else ''
        )
        if name == 'LoadImageFromFile':
            order = 'bgr'
        elif name == 'LoadMultichannelImage':
            order = 'rgb'
        elif name == 'ChannelOrder':
            order = str(transform.get('order', order))
    return _OTHER.get(order or '') if turned_around else order
