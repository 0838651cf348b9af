"""A backbone's weights under the names of another library."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..errors import UserValueError, few
from .reading import safetensors_for
from .renaming import in_library, kind_of

STYLES = ('torchvision', 'timm', 'detectron2', 'mmpretrain')
_WRAPPER = 'timm_model.'
_RESNET = re.compile(
    r'(conv1|bn1|layer[1-4]\.\d+\.(conv\d|bn\d|downsample\.[01]))\.\w+'
)

_DETECTRON2 = re.compile(
    r'(.*\.|)(stem|res[2-5])\.((?:\d+\.)?(?:conv\d|shortcut)\.[\w.]+)'
)


def rename(tensors: Mapping[str, Tensor], style: str) -> dict[str, Tensor]:
    """Tensors of a bare backbone under the names of a library.

    torchvision and timm name a ResNet as OpenMMLab does. ViT, Swin and
    ConvNeXt have other names there (:mod:`mmdcl.checkpoints.renaming`), and a
    network of timm has a prefix in OpenMMLab's wrapper. Others can be exported
    in the style of mmpretrain only.

    Args:
        tensors: By the names of the backbone itself.
        style: One of ``STYLES``.

    Raises:
        ValueError: The style is unknown, or has no names for the backbone.
    """
    if style not in STYLES:
        raise UserValueError(f'`style` must be one of {STYLES}, got {style!r}')
    if style == 'mmpretrain':
        return {f'backbone.{name}': x for name, x in tensors.items()}
    if style == 'timm' and all(name.startswith(_WRAPPER) for name in tensors):
        return {k.removeprefix(_WRAPPER): x for k, x in tensors.items()}
    if style in ('timm', 'torchvision') and kind_of(tensors):
        return in_library(tensors, style)
    strange = [name for name in tensors if not _RESNET.fullmatch(name)]
    if strange:
        raise UserValueError(
            f'there are no names of {style} for this backbone, which has '
            f'{few(strange)}; use --style mmpretrain'
        )
    if style != 'detectron2':
        return dict(tensors)
    return {
        _detectron2(name): tensor
        for name, tensor in tensors.items()
        if not name.endswith('num_batches_tracked')
    }


def _detectron2(name: str) -> str:
    if not name.startswith('layer'):
        name = f'stem.{name}'
    name = re.sub(r'layer(\d)', lambda m: f'res{int(m[1]) + 1}', name)
    name = re.sub(r'\bbn(\d)\.', r'conv\1.norm.', name)
    name = name.replace('downsample.0.', 'shortcut.')
    return name.replace('downsample.1.', 'shortcut.norm.')


def from_detectron2(name: str) -> str:
    """detectron2's name of a tensor in a ResNet as OpenMMLab's.

    Any other name is returned as it is.
    """
    match = _DETECTRON2.fullmatch(name)
    if not match:
        return name
    before, part, rest = match.groups()
    rest = re.sub(r'conv(\d)\.norm\.', r'bn\1.', rest)
    rest = rest.replace('shortcut.norm.', 'downsample.1.')
    rest = rest.replace('shortcut.', 'downsample.0.')
    part = '' if part == 'stem' else f'layer{int(part[3]) - 1}.'
    return f'{before}{part}{rest}'


def write_backbone(
    tensors: Mapping[str, Tensor],
    path: str | Path,
    style: str,
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Tensor]:
    """Write a file that the library of ``style`` reads; returns its tensors.

    Args:
        tensors: By the names of the backbone itself.
        path: Ends in ``.pth``, ``.safetensors``, or, for detectron2, ``.pkl``.
        style: As for :func:`rename`.
        metadata: Texts that a ``.safetensors`` has beside its tensors: of
            :func:`mmdcl.checkpoints.metadata.metadata_of`.

    Raises:
        ValueError: As for :func:`rename`, or the suffix does not fit.
    """
    path = Path(path)
    suffixes = ('.pkl',) if style == 'detectron2' else ('.pth', '.safetensors')
    if path.suffix not in suffixes:
        raise UserValueError(
            f'{path}: style {style} is written to {" or ".join(suffixes)}'
        )
    renamed = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in rename(tensors, style).items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.safetensors':
        safetensors_for(path).torch.save_file(
            renamed, path, dict(metadata or {'format': 'pt'})
        )
    elif path.suffix == '.pkl':
        arrays = {name: tensor.numpy() for name, tensor in renamed.items()}
        content = dict(model=arrays, __author__='mmdcl')
        with path.open('wb') as file:
            pickle.dump({**content, 'matching_heuristics': True}, file)
    else:
        torch.save(
            {'state_dict': renamed} if style == 'mmpretrain' else renamed, path
        )
    return renamed
