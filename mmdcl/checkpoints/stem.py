"""A ResNet with a wider stem that computes the same."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import UserValueError

_CONV = 'layer1.0.conv1.weight'
_SHORTCUT = 'layer1.0.downsample'
_EPS = 1e-5  # of BatchNorm, in every library


def widened_stem(
    tensors: Mapping[str, Tensor], width: int = 64
) -> dict[str, Tensor]:
    """The same features from a ResNet whose stem has more channels.

    The channels that are added are zeros. Where the first block has no
    shortcut, as widths were equal, the identity takes its place, written as
    the convolution and norm that a ResNet has where they differ. In
    evaluation nothing changes; if it is trained on, that norm is, too.

    Args:
        tensors: Of a ResNet as OpenMMLab, torchvision and timm name it.
        width: Of the new stem.

    Returns:
        A new dict, with the tensors themselves where they fit already.

    Raises:
        ValueError: The stem is wider than that, or the first block, whose
            shortcut is a convolution, would have none.
    """
    old = len(tensors['conv1.weight'])
    if old > width:
        raise UserValueError(
            f'a stem of {old} channels does not fit into one of {width}'
        )
    wider = dict(tensors)
    if old == width:
        return wider
    shortcut = f'{_SHORTCUT}.0.weight'
    if shortcut in wider and len(wider[shortcut]) == width:
        raise UserValueError(
            f'a stem of {old} channels cannot be made one of {width}: the '
            'first block gives as many and would have no shortcut'
        )
    if shortcut not in wider:
        wider |= _identity(tensors['bn1.weight'])
    for name, x in tensors.items():
        if name.startswith(('conv1.', 'bn1.')) and x.ndim:
            wider[name] = _padded(x, width, 0)
    for name in (_CONV, shortcut):
        wider[name] = _padded(wider[name], width, 1)
    return wider


def _padded(tensor: Tensor, width: int, dim: int) -> Tensor:
    shape = list(tensor.shape)
    shape[dim] = width - shape[dim]
    return torch.cat([tensor, tensor.new_zeros(shape)], dim)


def _identity(like: Tensor) -> dict[str, Tensor]:
    """A 1x1 convolution and a norm that change nothing, in evaluation."""
    ones, zeros = torch.ones_like(like), torch.zeros_like(like)
    return {
        f'{_SHORTCUT}.0.weight': torch.diag(ones)[:, :, None, None],
        f'{_SHORTCUT}.1.weight': ones,
        f'{_SHORTCUT}.1.bias': zeros,
        f'{_SHORTCUT}.1.running_mean': zeros.clone(),
        f'{_SHORTCUT}.1.running_var': ones - _EPS,
        f'{_SHORTCUT}.1.num_batches_tracked': torch.tensor(0),
    }
