"""How images reach a network: a config of OpenMMLab in timm's terms."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..config_parts import LOADERS, part, preprocessor_of, short_name
from ..errors import UserValueError
from ..hub.timm_folder import Inputs
from .channels import trained_order

_PILLOW = ('nearest', 'bilinear', 'bicubic', 'lanczos')


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
    pre = preprocessor_of(config)
    if channels == 3 and trained_order(config) == 'bgr':
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
    """Of the last dataloader that says how large its images are."""
    for loader in reversed(LOADERS):
        dataset = part(config, loader, 'dataset')
        edge = size = None
        cropped = 0
        interpolation = 'bilinear'  # mmcv's default
        for step in steps_of(dataset):
            kind = short_name(step.get('type'))
            if kind in ('Resize', 'RandomResizedCrop', 'ResizeEdge'):
                named = step.get('interpolation', interpolation)
                interpolation = named if named in _PILLOW else interpolation
            if kind == 'ResizeEdge':
                edge = _side(step.get('scale'))
            elif kind == 'RandomResizedCrop':  # of several views the largest
                cropped = size = max(cropped, _side(step.get('scale')) or 0)
            elif kind in ('CenterCrop', 'Resize'):
                size = _side(step.get('crop_size', step.get('scale')))
        if size:
            crop = min(1.0, size / edge) if edge else 1.0
            return _View(size, round(crop, 4), interpolation)
    return _View()


def steps_of(config: Any) -> Iterator[Mapping[str, Any]]:
    """The transforms of a dataset's config, at any depth, in their order."""
    if isinstance(config, (list, tuple)):
        for each in config:
            yield from steps_of(each)
    elif isinstance(config, Mapping):
        inner = [
            config[key]
            for key in ('dataset', 'datasets', 'pipeline', 'transforms')
            if key in config
        ]
        if not inner:
            yield config
        yield from steps_of(inner)


def _side(size: Any) -> int | None:
    """Of a square; a rectangle counts by its shorter side."""
    sides = size if isinstance(size, (list, tuple)) else [size]
    whole = [x for x in sides if isinstance(x, int) and x > 0]
    return min(whole) if whole else None
