"""What a benchmark's backbone makes of an image, before it is trained."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..checkpoints.architecture import plain_backbone
from ..engine.band_check import input_channels
from ..errors import UserValueError

_SIZES = (64, 224)  # pixels; some networks refuse small images


def built(cfg: Config) -> nn.Module:
    """The backbone of a benchmark, with random weights, in evaluation."""
    backbone = MODELS.build(plain_backbone(cfg.model.backbone))
    backbone.eval()  # of upstream's backbones, returns nothing
    return backbone


def image_sizes(cfg: Config) -> list[tuple[int, int]]:
    """Of the images that a classifier is tested on, or some to be tried."""
    loader = cfg.get('test_dataloader') or {}
    pipeline = (loader.get('dataset') or {}).get('pipeline') or []
    if 'head' in cfg.model:  # images of a detector are large and of any size
        for transform in reversed(pipeline):
            size = transform.get('crop_size') or transform.get('scale')
            if isinstance(size, int):
                return [(size, size)]
            if isinstance(size, (list, tuple)) and len(size) == 2:
                return [tuple(size)]
    return [(size, size) for size in _SIZES]


def features_of_zeros(
    backbone: nn.Module, sizes: Sequence[tuple[int, int]]
) -> Any:
    """What a backbone gives for an image of zeros, of the first size it takes.

    Raises:
        ValueError: It takes none.
    """
    channels = input_channels(backbone) or 3
    for size in sizes:
        try:
            with torch.no_grad():
                return backbone(torch.zeros(1, channels, *size))
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            reason = _in_a_line(error)
    raise UserValueError(
        f'{type(backbone).__name__} of the checkpoint takes no images of '
        f'{size[0]} x {size[1]} px: {reason}'
    )


def check_image(where: str, image: Any, cfg: Config) -> None:
    """Run the backbone on an image of its data: some take certain sizes only.

    Args:
        where: The dataset's place, for messages.
        image: ``(C, H, W)``; what is none passes.
        cfg: Of the benchmark.

    Raises:
        ValueError: It does not take that image.
    """
    if not isinstance(image, Tensor) or image.ndim != 3:
        return
    backbone = built(cfg)
    found, takes = image.shape[0], input_channels(backbone)
    if takes not in (None, found):
        raise UserValueError(
            f'{where} gives images of {found} channel{"s" * (found > 1)}, but '
            f'{type(backbone).__name__} of the checkpoint was pretrained on '
            f'{takes}; give it images like those'
        )
    try:
        with torch.no_grad():
            backbone(image[None].float())
    except (AssertionError, RuntimeError, ValueError) as error:
        raise UserValueError(
            f'{type(backbone).__name__} of the checkpoint does not '
            f'take images {tuple(image.shape)} of {where}: '
            f'{_in_a_line(error)}. Resize them in its pipeline'
        ) from error


def _in_a_line(error: Exception) -> str:
    return str(error).partition('\n')[0] or type(error).__name__
