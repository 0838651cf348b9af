"""Which network of timm or torchvision is the same as one of mmpretrain."""

from typing import Any

from torch import nn

from ..errors import UserValueError

# Widths, layers and heads by which timm has its ViTs and Swins, and widths and
# blocks of its ConvNeXts.
_VITS = {
    'vit_tiny': (192, 12, 3),
    'vit_small': (384, 12, 6),
    'vit_base': (768, 12, 12),
    'vit_large': (1024, 24, 16),
}
_SWINS = {
    'tiny': (96, (2, 2, 6, 2), (3, 6, 12, 24)),
    'small': (96, (2, 2, 18, 2), (3, 6, 12, 24)),
    'base': (128, (2, 2, 18, 2), (4, 8, 16, 32)),
    'large': (192, (2, 2, 18, 2), (6, 12, 24, 48)),
}
_CONVNEXTS = {
    'tiny': ((3, 3, 9, 3), (96, 192, 384, 768)),
    'small': ((3, 3, 27, 3), (96, 192, 384, 768)),
    'base': ((3, 3, 27, 3), (128, 256, 512, 1024)),
    'large': ((3, 3, 27, 3), (192, 384, 768, 1536)),
}
_POOLED = {'cls_token': 'token', 'featmap': 'avg', 'raw': ''}


def timm_twin(ours: nn.Module) -> tuple[str, dict[str, Any]]:
    """Name and arguments by which ``timm.create_model`` makes it.

    Args:
        ours: A ViT, Swin or ConvNeXt of mmpretrain.

    Raises:
        ValueError: timm has none that computes the same.
    """
    kind = type(ours).__name__
    if kind in ('VisionTransformer', 'MoCoV3ViT'):
        return _timm_vit(ours)
    if kind == 'SwinTransformer':
        return _timm_swin(ours)
    if kind == 'ConvNeXt':
        return _timm_convnext(ours)
    raise _none('timm', f'{kind}, as far as is known here')


def torchvision_twin(ours: nn.Module) -> tuple[str, dict[str, Any]]:
    """Name and arguments by which ``torchvision.models`` makes it.

    Args:
        ours: As for :func:`timm_twin`.

    Raises:
        ValueError: torchvision has none: it has those of usual sizes only.
    """
    kind = type(ours).__name__
    if kind in ('VisionTransformer', 'MoCoV3ViT'):
        name, arguments = _timm_vit(ours)
        size = arguments.pop('img_size', 224)
        short, _, patch = name.rpartition('_patch')
        found = f'{short[:5]}_{patch.partition("_")[0]}'
        if arguments or found.endswith(('t_16', 's_16')):
            raise _none('torchvision', 'ViT but B/16, B/32, L/16 and L/32')
        return found, {'image_size': size}
    if kind == 'SwinTransformer':
        name, arguments = _timm_swin(ours)
        arguments.pop('img_size', None)
        found = name.split('_')[1]
        if arguments or found == 'large':
            raise _none('torchvision', 'Swin but T, S and B with windows of 7')
        return f'swin_{found[0]}', {}
    if kind == 'ConvNeXt':
        name, arguments = _timm_convnext(ours)
        if arguments or 'v2' in name:
            raise _none('torchvision', 'ConvNeXt but T, S, B and L')
        return name, {}
    raise _none('torchvision', f'{kind}, as far as is known here')


def _none(library: str, what: str) -> UserValueError:
    other = 'timm or ' if library == 'torchvision' else ''
    return UserValueError(
        f'{library} has no {what}; use --style {other}mmpretrain'
    )


def _neither(what: str) -> UserValueError:
    return UserValueError(
        f'neither timm nor torchvision has a {what}; use --style mmpretrain'
    )


def _square(size: Any) -> Any:
    return size[0] if len(set(size)) == 1 else tuple(size)


def _timm_vit(ours: Any) -> tuple[str, dict[str, Any]]:
    arch, stem = ours.arch_settings, ours.patch_embed.projection
    if ours.out_type == 'avg_featmap':
        raise _neither("ViT with two norms in a row (out_type='avg_featmap')")
    if list(ours.out_indices) != [ours.num_layers - 1]:
        raise _neither('ViT with the features of several layers')
    width, layers = ours.embed_dims, ours.num_layers
    name = next(
        (x for x, y in _VITS.items() if y[:2] == (width, layers)), 'vit_tiny'
    )
    usual = dict(
        zip(('embed_dim', 'depth', 'num_heads'), _VITS[name], strict=True)
    )
    patch = stem.kernel_size[0]
    named = patch if name != 'vit_tiny' and patch == 32 else 16
    usual |= dict(img_size=224, patch_size=named, mlp_ratio=4, in_chans=3)
    usual |= dict(qkv_bias=True, class_token=True, global_pool='token')
    wanted = dict(
        embed_dim=width,
        depth=layers,
        num_heads=arch['num_heads'],
        img_size=_square(ours.img_size),
        patch_size=patch,
        mlp_ratio=arch['feedforward_channels'] / width,
        in_chans=stem.in_channels,
        qkv_bias=ours.layers[0].attn.qkv.bias is not None,
        class_token=ours.with_cls_token,
        global_pool=_POOLED[ours.out_type],
    )
    found = _other(wanted, usual)
    if found.get('global_pool') == 'avg':
        found['fc_norm'] = False
    if hasattr(ours.layers[0].attn.gamma1, 'weight'):
        found['init_values'] = 1e-5
    return f'{name}_patch{named}_224', found


def _timm_swin(ours: Any) -> tuple[str, dict[str, Any]]:
    if ours.use_abs_pos_embed:
        raise _neither('Swin with absolute positions')
    if list(ours.out_indices) != [3]:
        raise _neither('Swin with the features of several stages')
    stem, block = ours.patch_embed.projection, ours.stages[0].blocks[0]
    sizes = (ours.embed_dims, tuple(ours.depths), tuple(ours.num_heads))
    name = next((x for x, y in _SWINS.items() if y == sizes), 'tiny')
    usual = dict(
        zip(('embed_dim', 'depths', 'num_heads'), _SWINS[name], strict=True)
    )
    usual |= dict(img_size=224, patch_size=4, window_size=7, in_chans=3)
    patch = stem.kernel_size[0]
    wanted = dict(
        zip(('embed_dim', 'depths', 'num_heads'), sizes, strict=True)
    )
    wanted |= dict(
        img_size=_square([x * patch for x in ours.patch_resolution]),
        patch_size=patch,
        window_size=block.attn.w_msa.window_size[0],
        in_chans=stem.in_channels,
    )
    found = _other(wanted, usual)
    return f'swin_{name}_patch4_window7_224', found


def _timm_convnext(ours: Any) -> tuple[str, dict[str, Any]]:
    stem, block = ours.downsample_layers[0][0], ours.stages[0][0]
    if list(ours.out_indices) != [3] or not ours.gap_before_final_norm:
        raise _neither('ConvNeXt with maps, or several of them')
    sizes = (tuple(ours.depths), tuple(ours.channels))
    name = next((x for x, y in _CONVNEXTS.items() if y == sizes), 'tiny')
    usual = dict(zip(('depths', 'dims'), _CONVNEXTS[name], strict=True))
    usual |= dict(patch_size=4, in_chans=3, conv_mlp=False)
    wanted = dict(zip(('depths', 'dims'), sizes, strict=True))
    wanted |= dict(
        patch_size=stem.kernel_size[0],
        in_chans=stem.in_channels,
        conv_mlp=not block.linear_pw_conv,
    )
    found = _other(wanted, usual)
    if block.grn is not None:
        return f'convnextv2_{name}', found
    if block.gamma is None:
        found['ls_init_value'] = 0.0
    return f'convnext_{name}', found


def _other(wanted: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    return {k: x for k, x in wanted.items() if x != usual[k]}
