"""How images reach a network: a config of OpenMMLab in timm's terms."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import UserValueError
from ..hub.timm_folder import Inputs
from .channels import channel_order, short_name

_PILLOW = ('nearest', 'bilinear', 'bicubic', 'lanczos')
_LOADERS = ('test_dataloader', 'val_dataloader', 'train_dataloader')


def inputs_of(config: Mapping[str, Any], channels: int) -> Inputs:
    """Read them from the config of a pretraining, which is data.

    Args:
        config: Of :func:`mmdcl.checkpoints.architecture.pretraining_config`,
            or of the user.
        channels: Of the network's images.

    Raises:
        UserValueError: The network saw BGR, or there are not as many numbers
            as channels.
    """
    model = _part(config, 'model')
    pre = _part(model, 'data_preprocessor')
    pre = pre or _part(config, 'data_preprocessor')
    turned = bool(pre.get('to_rgb') or pre.get('bgr_to_rgb'))
    dataset = _part(_part(config, 'train_dataloader'), 'dataset')
    if channels == 3 and channel_order(dataset, turned) == 'bgr':
        raise UserValueError(
            'the network was pretrained on images in BGR, and timm gives RGB: '
            'features would be others. Pretrain with to_rgb=True, or export '
            'by --style mmpretrain'
        )
    found = {}
    for key, default in (('mean', 0.0), ('std', 1.0)):
        numbers = pre.get(key)
        numbers = [default] * channels if numbers is None else list(numbers)
        if len(numbers) != channels:
            raise UserValueError(
                f'data_preprocessor.{key} of the config has {len(numbers)} '
                f'numbers, and the network takes {channels} channels'
            )
        found[key] = tuple(round(float(x) / 255, 10) for x in numbers)
    return Inputs(**found, **_view(config)._asdict())


class _View(NamedTuple):
    size: int = 224
    crop: float = 0.875  # what the field does with ImageNet
    interpolation: str = 'bicubic'


def _view(config: Mapping[str, Any]) -> _View:
    """Of the first dataloader that says how large its images are."""
    for loader in _LOADERS:
        dataset = _part(_part(config, loader), 'dataset')
        edge = size = None
        interpolation = 'bilinear'  # mmcv's default
        for step in steps_of(dataset):
            kind = short_name(step.get('type'))
            if kind in ('Resize', 'RandomResizedCrop', 'ResizeEdge'):
                named = step.get('interpolation', interpolation)
                interpolation = named if named in _PILLOW else interpolation
            if kind == 'ResizeEdge':
                edge = _side(step.get('scale'))
            elif kind in ('CenterCrop', 'RandomResizedCrop', 'Resize'):
                size = _side(step.get('crop_size', step.get('scale')))
        if size:
            crop = min(1.0, size / edge) if edge else 1.0
            return _View(size, round(crop, 4), interpolation)
    return _View()


def steps_of(part: Any) -> Iterator[Mapping[str, Any]]:
    """The transforms of a dataset's config, at any depth, in their order."""
    if isinstance(part, (list, tuple)):
        for each in part:
            yield from steps_of(each)
    elif isinstance(part, Mapping):
        inner = [
            part[key]
            for key in ('dataset', 'datasets', 'pipeline', 'transforms')
            if key in part
        ]
        if not inner:
            yield part
        yield from steps_of(inner)


def _side(size: Any) -> int | None:
    """Of a square; a rectangle counts by its shorter side."""
    sides = size if isinstance(size, (list, tuple)) else [size]
    whole = [x for x in sides if isinstance(x, int) and x > 0]
    return min(whole) if whole else None


def _part(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = config.get(key)
    return found if isinstance(found, Mapping) else {}
