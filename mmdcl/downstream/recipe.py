"""What of a detector's recipe holds back weights that had no labels."""

from mmengine.config import Config
from torch import nn


def held_back(cfg: Config, backbone: nn.Module) -> str:
    """What of the backbone is not trained, and how all of it would be.

    Most of mmdet's configs freeze the beginning of the backbone and the
    statistics of its norms, which suits supervised weights.

    Args:
        cfg: Of the benchmark.
        backbone: As built of it; it leaves in training mode.

    Returns:
        One sentence; empty if all of it is trained.
    """
    phrases, settings = [], []
    backbone.train()  # in which upstream's networks freeze their stages
    if any(x.ndim > 1 and not x.requires_grad for x in backbone.parameters()):
        phrases.append('its first stages are frozen')
        settings.append('frozen_stages=-1')
    if getattr(backbone, 'norm_eval', False):
        phrases.append('BatchNorm keeps its statistics')
        settings.append('norm_eval=False')
    norm = cfg.model.backbone.get('norm_cfg') or {}
    if norm.get('requires_grad') is False:
        phrases.append('weights of its norms are frozen')
        settings.append('norm_cfg.requires_grad=True')
    if not phrases:
        return ''
    return (
        f'beware: not all of the backbone is trained ({", ".join(phrases)}), '
        'which suits supervised weights, and holds back others. For all of '
        'it: --cfg-options '
        + ' '.join(f'model.backbone.{x}' for x in settings)
    )
