"""Why a projection head does not take what a backbone gives."""

from typing import Any

from mmpretrain.models.necks import NonLinearNeck
from torch import Tensor, nn


def misfit(backbone: nn.Module, neck: nn.Module, features: Any) -> str:
    """What to set in a config, or ``''`` where that is not known.

    Args:
        backbone: For its name.
        neck: That failed on the features.
        features: What the backbone gave: a tensor, or several.
    """
    maps = features if isinstance(features, (tuple, list)) else (features,)
    known = all(isinstance(x, Tensor) for x in maps)
    if not isinstance(neck, NonLinearNeck) or not known:
        return ''
    shapes = ' and '.join(str(tuple(x.shape)) for x in maps)
    begin = f'{type(backbone).__name__} gives features {shapes}'
    if len(maps) > 1:
        return (
            f'{begin}, and NonLinearNeck takes those of one stage: set '
            'model.backbone.out_indices to the last'
        )
    (last,) = maps
    if last.ndim == 3:
        return (
            f'{begin}, tokens, and NonLinearNeck takes one vector an image: '
            'set model.backbone.out_type=cls_token, or for a network of timm '
            'model.backbone.type=mmdcl.TIMMBackbone, which pools as timm does'
        )
    width, pools = last.shape[1], last.ndim == 4
    if neck.fc0.in_features == width and neck.with_avg_pool == pools:
        return ''
    hint = ''
    if hasattr(backbone, 'timm_model') and pools:
        hint = (
            '. If its channels come last, use model.backbone.type='
            'mmdcl.TIMMBackbone, which pools as timm does'
        )
    return (
        f'{begin}, and the neck is for {neck.fc0.in_features} channels of '
        f'{"maps" if neck.with_avg_pool else "vectors"}: set '
        f'model.neck.in_channels={width} and '
        f'model.neck.with_avg_pool={pools}{hint}'
    )
