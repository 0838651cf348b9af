"""As many channels as the network takes, and views that fit them."""

from collections.abc import Iterator
from typing import Any

from mmcv.transforms import LoadImageFromFile
from torch import nn

from ..errors import UserValueError
from .class_check import leaves

_COLOURS = ('ColorJitter', 'RandomGrayscale', 'Grayscale', 'Solarize')
_COLOURS += ('SolarizeAdd', 'Posterize', 'Equalize', 'AutoContrast', 'Invert')
_COLOURS += ('Contrast', 'ColorTransform', 'Brightness', 'Sharpness')
_COLOURS += ('Lighting', 'AutoAugment', 'RandAugment', 'ChannelOrder')
# Whose other transforms leave the number of channels as it is.
_KNOWN = ('mmcv', 'mmpretrain', 'mmdcl')
_TURNS = ('Rotate', 'Shear', 'Translate', 'RandomRotate')
_INSTEAD = {
    **dict.fromkeys(_COLOURS, 'mmdcl.RandomBandJitter'),
    **dict.fromkeys(_TURNS, 'mmdcl.RandomRotate90'),
    'GaussianBlur': 'mmdcl.GaussianBlur',
}


def input_channels(network: nn.Module) -> int | None:
    """Of the images that a network takes, by its first convolution."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    return None


def _flat(part: Any) -> Iterator[Any]:
    """All transforms at any depth, those of views included."""
    if isinstance(part, (list, tuple)):
        for inner in part:
            yield from _flat(inner)
        return
    inner = getattr(part, 'pipelines', getattr(part, 'transforms', None))
    if inner is None:
        yield part
        return
    if type(part).__name__ in _INSTEAD:
        yield part
    yield from _flat(inner)


def _loads_bands(transform: Any) -> bool:
    return hasattr(transform, 'bands') and hasattr(transform, 'nodata')


def check_views(name: str, pipeline: Any) -> None:
    """Refuse what is made for three channels of 8 bits.

    Args:
        name: Of the dataloader, for the message.
        pipeline: Built.

    Raises:
        ValueError: It begins with ``LoadMultichannelImage`` and has such.
    """
    transforms = list(_flat(pipeline))
    if not any(map(_loads_bands, transforms)):
        return
    for transform in transforms:
        kind = type(transform)
        other = getattr(transform, 't', None)  # torchvision's, wrapped
        word = type(other).__name__ if other is not None else kind.__name__
        ours = kind.__module__.startswith('mmdcl.views')
        if word in _INSTEAD and not ours:
            raise UserValueError(
                f'{name}: {word} is for images of three channels of 8 bits, '
                'and mmdcl.LoadMultichannelImage gives any channels in '
                f'float32; use {_INSTEAD[word]} instead, or leave it out'
            )
        for key, wrong in (('backend', 'pillow'), ('interpolation', 'area')):
            if getattr(transform, key, None) == wrong:
                raise UserValueError(
                    f'{name}: {key}={wrong!r} of {word} is not for images of '
                    'any channels in float32; leave it out'
                )


def check_bands(model: nn.Module, datasets: dict[str, Any]) -> None:
    """Compare the first image of each dataset with what the model takes.

    Args:
        model: With a ``backbone`` and a ``data_preprocessor``.
        datasets: By what messages shall call them.

    Raises:
        ValueError: It has other channels, or views cannot be made of it.
    """
    for name, dataset in datasets.items():
        for leaf in leaves(dataset):
            check_views(name, getattr(leaf, 'pipeline', None))
            _compare(name, leaf, model)


def _channels(leaf: Any, info: dict) -> int | None:
    """Of an image as its pipeline loads it, where that is known."""
    transforms = list(_flat(getattr(leaf, 'pipeline', None)))
    load = next(filter(_loads_bands, transforms), None)
    if load is not None:
        loaded = load(dict(info))
        return None if loaded is None else loaded['img'].shape[2]
    first, *others = transforms
    if not isinstance(first, LoadImageFromFile) or first.color_type != 'color':
        return None
    changes = any(
        'Gray' in x.__name__ or x.__module__.partition('.')[0] not in _KNOWN
        for x in map(type, others)
    )
    return None if changes else 3


def _compare(name: str, leaf: Any, model: nn.Module) -> None:
    info = leaf.get_data_info(0) if hasattr(leaf, 'get_data_info') else {}
    found = _channels(leaf, info) if info else None
    if found is None:
        return
    backbone = getattr(model, 'backbone', None)
    mean = getattr(getattr(model, 'data_preprocessor', None), 'mean', None)
    takes = None if backbone is None else input_channels(backbone)
    places = {'model.backbone.in_channels': takes}
    if mean is not None and mean.numel() > 1:
        places['the length of data_preprocessor.mean and std'] = mean.numel()
    for place, wanted in places.items():
        if wanted and wanted != found:
            some = (
                f'choose {wanted} of the channels by `bands` of '
                'mmdcl.LoadMultichannelImage, '
            )
            raise UserValueError(
                f'{name} gives images of {found} '
                f'channel{"s" * (found > 1)} ({info.get("img_path")}), but '
                f'{place} is {wanted}: set that to {found}, '
                f'{some * (found > wanted)}or give other images'
            )
