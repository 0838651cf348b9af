"""Four convolutions: the smallest backbone on which a study is affordable."""

from typing import Any

from mmcv.cnn import ConvModule
from mmpretrain.models.backbones.base_backbone import BaseBackbone
from torch import Tensor, nn

from ..arguments import require_whole
from ..errors import UserValueError
from ..registry import MODELS


@MODELS.register_module()
class Conv4(BaseBackbone):
    """Four blocks of a 3 x 3 convolution of stride 2, batch norm and ReLU.

    At 32 px and with the channels of the default, 3.8 million multiply-adds
    an image.

    Args:
        in_channels: Of the images.
        channels: Of the four blocks.
        norm_cfg: As in upstream's backbones.
        init_cfg: Of mmengine; default: He's for convolutions.

    Raises:
        ValueError: ``channels`` are not four.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: tuple[int, ...] = (32, 64, 128, 256),
        norm_cfg: dict[str, Any] | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        require_whole('in_channels', in_channels)
        if not isinstance(channels, (list, tuple)) or len(channels) != 4:
            raise UserValueError(
                f'`channels` must be four whole numbers, got {channels!r}'
            )
        for number in channels:
            require_whole('channels', number)
        super().__init__(init_cfg or dict(type='Kaiming', layer=['Conv2d']))
        widths = [in_channels, *channels]
        self.blocks = nn.Sequential(
            *(
                ConvModule(
                    before, after, 3, stride=2, padding=1,
                    norm_cfg=norm_cfg or dict(type='BN'),
                )
                for before, after in zip(widths, channels, strict=False)
            )
        )  # fmt: skip

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Maps ``(B, D, H / 16, W / 16)`` of images ``(B, C, H, W)``."""
        return (self.blocks(x),)
