"""SimCLR whose gradient on many processes is that of one."""

import torch
from mmengine.model import revert_sync_batchnorm
from mmpretrain.models.selfsup.base import BaseSelfSupervisor
from torch import Tensor

from ..functional import npc_multiplier, two_view_contrast
from ..registry import MODELS
from .heads import ContrastiveRowHead


@MODELS.register_module()
class SimCLR(BaseSelfSupervisor):
    """Two views, one encoder, negatives from the whole global batch.

    Each process computes the rows of its own anchors against the gathered
    columns, and gradients travel back through the gather. With a row head the
    averaged parameter gradient is that of one process with the whole batch;
    with upstream's ``SimCLR`` it is 1 / world size of it.

    Chen et al., ICML 2020, arXiv 2002.05709.

    Args:
        backbone: Config of the encoder.
        neck: Config of the projection head.
        head: Config of a head of mmdcl: ``mmdcl.DCLHead``, ``mmdcl.DCLWHead``
            or ``mmdcl.InfoNCEHead``.
        **kwargs: As in upstream's ``BaseSelfSupervisor``.

    Raises:
        TypeError: The head is not one of ours.
    """

    def __init__(
        self, backbone: dict, neck: dict, head: dict, **kwargs
    ) -> None:
        super().__init__(backbone=backbone, neck=neck, head=head, **kwargs)
        if not isinstance(self.head, ContrastiveRowHead):
            raise TypeError(
                'mmdcl.SimCLR needs a head of mmdcl, got '
                f'{type(self.head).__name__}; its equal here is '
                'mmdcl.InfoNCEHead, without the key `loss`'
            )
        if not torch.cuda.is_available():
            # SyncBN, the default of upstream's necks, runs on GPUs only.
            revert_sync_batchnorm(self)

    def loss(
        self, inputs: list[Tensor], data_samples: list, **kwargs
    ) -> dict[str, Tensor]:
        """Loss, and what to watch, of a batch of ``B`` images.

        Args:
            inputs: Two views, each ``(B, C, H, W)``.
            data_samples: Not used.

        Returns:
            ``loss`` (its mean over all processes), and over this process's
            anchors the means of ``npc_multiplier`` (``q``, in (0, 1): the
            factor by which InfoNCE would shrink a gradient), ``pos_cosine``
            and ``neg_cosine``.

        Raises:
            ValueError: There are not two views, or only one image in all.
        """
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            got = (
                f'{len(inputs)} views'
                if isinstance(inputs, (list, tuple))
                else f'one tensor {tuple(inputs.shape)}'
            )
            raise ValueError(
                f'SimCLR contrasts two views of each image, got {got}; use '
                "dict(type='MultiView', num_views=2, ...) in the pipeline"
            )
        projections = self.neck(self.backbone(torch.cat(inputs)))[0]
        pos, s, neg = two_view_contrast(
            *projections.chunk(2), self.head.temperature
        )
        loss = self.head.loss_from_rows(pos, s)
        q = npc_multiplier(pos.detach(), s.detach(), self.head.temperature)
        return dict(
            loss=loss,
            npc_multiplier=q.mean(),
            pos_cosine=pos.detach().mean(),
            neg_cosine=neg.mean(),
        )
