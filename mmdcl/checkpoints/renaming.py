"""ViT, Swin and ConvNeXt of mmpretrain by the names of timm and torchvision.

A rule is a pattern for the beginning of a name and what takes its place. What
no rule knows is in neither library.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from ..errors import UserValueError

# By a name that each has and the others do not.
_KINDS = {
    'layers.0.attn.qkv.weight': 'ViT',
    'stages.0.blocks.0.attn.w_msa.qkv.weight': 'Swin',
    'downsample_layers.0.0.weight': 'ConvNeXt',
}
_SAME = ('cls_token', r'cls_token'), ('pos_embed', r'pos_embed')
_TIMM = {
    'ViT': (
        *_SAME,
        (r'patch_embed\.projection\.', r'patch_embed.proj.'),
        (r'layers\.(\d+)\.ln([12])\.', r'blocks.\1.norm\2.'),
        (r'layers\.(\d+)\.attn\.gamma1\.weight', r'blocks.\1.ls1.gamma'),
        (r'layers\.(\d+)\.attn\.(qkv|proj)\.', r'blocks.\1.attn.\2.'),
        (r'layers\.(\d+)\.ffn\.layers\.0\.0\.', r'blocks.\1.mlp.fc1.'),
        (r'layers\.(\d+)\.ffn\.layers\.1\.', r'blocks.\1.mlp.fc2.'),
        (r'layers\.(\d+)\.ffn\.gamma2\.weight', r'blocks.\1.ls2.gamma'),
        (r'ln1\.', r'norm.'),
    ),
    'Swin': (
        (r'patch_embed\.projection\.', r'patch_embed.proj.'),
        (r'patch_embed\.norm\.', r'patch_embed.norm.'),
        (r'stages\.(\d+)\.blocks\.', r'layers.\1.blocks.'),
        (r'stages\.(\d+)\.downsample\.', r'layers.\1.downsample.'),
        (r'norm3\.', r'norm.'),
    ),
    'ConvNeXt': (
        (r'downsample_layers\.0\.', r'stem.'),
        (r'downsample_layers\.(\d+)\.', r'stages.\1.downsample.'),
        (r'stages\.(\d+)\.(\d+)\.', r'stages.\1.blocks.\2.'),
        (r'norm3\.', r'head.norm.'),
    ),
}
_TORCHVISION = {
    'ViT': (
        (r'cls_token', r'class_token'),
        (r'pos_embed', r'encoder.pos_embedding'),
        (r'patch_embed\.projection\.', r'conv_proj.'),
        (
            r'layers\.(\d+)\.ln([12])\.',
            r'encoder.layers.encoder_layer_\1.ln_\2.',
        ),
        (
            r'layers\.(\d+)\.attn\.qkv\.',
            r'encoder.layers.encoder_layer_\1.self_attention.in_proj_',
        ),
        (
            r'layers\.(\d+)\.attn\.proj\.',
            r'encoder.layers.encoder_layer_\1.self_attention.out_proj.',
        ),
        (
            r'layers\.(\d+)\.ffn\.layers\.0\.0\.',
            r'encoder.layers.encoder_layer_\1.mlp.0.',
        ),
        (
            r'layers\.(\d+)\.ffn\.layers\.1\.',
            r'encoder.layers.encoder_layer_\1.mlp.3.',
        ),
        (r'ln1\.', r'encoder.ln.'),
    ),
    'Swin': (
        (r'patch_embed\.projection\.', r'features.0.0.'),
        (r'patch_embed\.norm\.', r'features.0.2.'),
        (r'stages\.(\d+)\.blocks\.', r'features.\1.'),
        (r'stages\.(\d+)\.downsample\.', r'features.\1.'),
        (r'norm3\.', r'norm.'),
    ),
    'ConvNeXt': (
        (r'downsample_layers\.0\.', r'features.0.'),
        (r'downsample_layers\.(\d+)\.', r'features.\1.'),
        (r'stages\.(\d+)\.(\d+)\.', r'features.\1.\2.'),
        (r'norm3\.', r'classifier.0.'),
    ),
}
_RULES = {'timm': _TIMM, 'torchvision': _TORCHVISION}
# What a block calls its parts.
_PARTS = {
    'timm': (
        ('attn.w_msa.', 'attn.'),
        ('ffn.layers.0.0.', 'mlp.fc1.'),
        ('ffn.layers.1.', 'mlp.fc2.'),
        ('depthwise_conv.', 'conv_dw.'),
        ('grn.gamma', 'mlp.grn.weight'),
        ('grn.beta', 'mlp.grn.bias'),
        ('pointwise_conv1.', 'mlp.fc1.'),
        ('pointwise_conv2.', 'mlp.fc2.'),
    ),
    'torchvision': (
        ('attn.w_msa.', 'attn.'),
        ('ffn.layers.0.0.', 'mlp.0.'),
        ('ffn.layers.1.', 'mlp.3.'),
        ('depthwise_conv.', 'block.0.'),
        ('pointwise_conv1.', 'block.3.'),
        ('pointwise_conv2.', 'block.5.'),
        ('gamma', 'layer_scale'),
    ),
}


def kind_of(names: Mapping[str, Tensor]) -> str | None:
    """``'ViT'``, ``'Swin'`` or ``'ConvNeXt'`` of mmpretrain, or ``None``."""
    return next((x for name, x in _KINDS.items() if name in names), None)


def in_library(tensors: Mapping[str, Tensor], style: str) -> dict[str, Tensor]:
    """Tensors of one of these networks under the names of a library.

    Args:
        tensors: By mmpretrain's names, of a network that :func:`kind_of`
            knows.
        style: ``'timm'`` or ``'torchvision'``.

    Raises:
        ValueError: The library has no name for one of them.
    """
    kind = kind_of(tensors) or ''
    found = {}
    for name, tensor in tensors.items():
        if name.endswith('relative_position_index'):  # follows from the sizes
            if style == 'timm':
                continue
            tensor = tensor.flatten()
        new = _renamed(name, kind, style)
        if new is None:
            raise UserValueError(
                f'{style} has no such {kind}: it has {name}; use --style '
                'mmpretrain'
            )
        if kind == 'Swin' and '.downsample.' in name:
            tensor = _of_patches(tensor)
        if new.endswith('.layer_scale'):
            tensor = tensor[:, None, None]
        found[new] = tensor
    return found


def _renamed(name: str, kind: str, style: str) -> str | None:
    for pattern, instead in _RULES[style][kind]:
        new, count = re.subn(f'^{pattern}', instead, name)
        if count:
            break
    else:
        return None
    if kind == 'ViT':
        return new
    for part, instead in _PARTS[style]:
        new = new.replace(part, instead)
    number = re.match(r'(stages|downsample_layers)\.(\d+)', name)
    if style == 'torchvision' and number:  # stages and what is between them
        stage = int(number[2])
        between = '.downsample.' in name or number[1] == 'downsample_layers'
        after = 2 if kind == 'Swin' else 0
        place = 2 * stage + (after if between else 1)
        new = re.sub(r'^features\.\d+', f'features.{place}', new)
        if kind == 'ConvNeXt' and not between:
            new = new.replace('.norm.', '.block.2.')
    if kind == 'Swin' and style == 'timm' and '.downsample.' in new:
        stage = int(new.split('.')[1])  # timm has it before the next stage
        new = new.replace(f'layers.{stage}.', f'layers.{stage + 1}.', 1)
    return new


def _of_patches(tensor: Tensor) -> Tensor:
    """Four neighbours in the order of the last axis: theirs for mmpretrain's.

    mmpretrain has the channels outside and the neighbours row by row, the
    others have the neighbours outside and column by column.
    """
    last = tensor.shape[-1] // 4
    by_place = tensor.unflatten(-1, (last, 2, 2))
    return by_place.movedim((-1, -2), (-3, -2)).flatten(-3)
