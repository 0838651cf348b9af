"""Any network of timm as a backbone that gives one vector an image."""

from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from mmpretrain.models.backbones.base_backbone import BaseBackbone
from torch import Tensor

from ..arguments import require_flag, require_text, require_whole
from ..errors import UserModuleNotFoundError, UserValueError
from ..registry import MODELS


@MODELS.register_module()
class TIMMBackbone(BaseBackbone):
    """A network of timm, pooled as timm pools it.

    mmpretrain's ``TIMMBackbone`` takes the pooling away. What is left are
    maps ``(B, C, H, W)``, maps with their channels last, or tokens, as the
    network happens to have, and necks and classifiers expect the first. This
    gives what ``timm.create_model(model_name, num_classes=0)`` does, and its
    weights have the same names as under mmpretrain's.

    Args:
        model_name: As for ``timm.create_model``.
        pretrained: Begin with timm's weights, which are fetched.
        in_channels: Of the images.
        init_cfg: Of mmengine.
        **kwargs: Others that the network takes, such as ``img_size``,
            ``depths`` or ``drop_path_rate``.

    Raises:
        ModuleNotFoundError: timm is not installed.
        ValueError: It has no such network, or the network takes no such
            argument.
    """

    def __init__(
        self,
        model_name: str,
        pretrained: bool = False,
        in_channels: int = 3,
        init_cfg: dict | list[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        require_text('model_name', model_name)
        require_flag('pretrained', pretrained)
        require_whole('in_channels', in_channels)
        super().__init__(init_cfg)
        if find_spec('timm') is None:
            raise UserModuleNotFoundError(
                f'the backbone {model_name} is one of timm: pip install timm'
            )
        import timm

        if kwargs.get('features_only'):
            raise UserValueError(
                'mmdcl.TIMMBackbone gives one vector an image; for maps of '
                'several stages (features_only=True), as detectors need them, '
                "use mmpretrain's: type='mmpretrain.TIMMBackbone'"
            )
        try:
            self.timm_model = timm.create_model(
                model_name,
                pretrained=pretrained,
                in_chans=in_channels,
                num_classes=0,
                **kwargs,
            )
        except (RuntimeError, TypeError) as error:
            near = get_close_matches(model_name, timm.list_models(), n=5)
            also = ''
            if model_name not in near:
                also = f'; did you mean {" or ".join(near)}?' if near else ''
            raise UserValueError(
                f'timm does not build {model_name}: {error}{also}'
            ) from error
        self._is_init = pretrained  # else mmengine draws new weights

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Features ``(B, D)`` of images ``(B, C, H, W)``."""
        return (self.timm_model(x),)
