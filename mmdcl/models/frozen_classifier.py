"""A linear classifier on features that are not trained."""

from typing import Any

from mmpretrain.models import ImageClassifier

from ..registry import MODELS


@MODELS.register_module()
class FrozenBackboneClassifier(ImageClassifier):
    """A classifier that leaves its backbone as it is, whatever that is.

    No parameter of the backbone is trained, and it is in evaluation mode:
    without dropped paths, and with the BatchNorm statistics that it came
    with. ``frozen_stages`` of upstream's backbones does so for some of them;
    others leave out the last norm, or have no such argument.

    Args:
        backbone: Config of the network.
        **kwargs: As in mmpretrain's ``ImageClassifier``.
    """

    def __init__(self, backbone: dict, **kwargs) -> None:
        super().__init__(backbone=backbone, **kwargs)
        self.backbone.requires_grad_(False)  # before DDP looks at it

    def train(self, mode: bool = True) -> Any:
        super().train(mode)
        self.backbone.eval()
        return self
