"""What algorithms of two views share: what they take and what they log."""

from abc import abstractmethod

import torch
from mmpretrain.models.selfsup.base import BaseSelfSupervisor
from mmpretrain.registry import MODELS as UPSTREAM_MODELS
from torch import Tensor

from ..arguments import require_flag, require_whole
from ..errors import UserTypeError, UserValueError
from ..functional import Contrast, Watched, global_means, npc_multiplier
from ..sync_bn import runnable_here
from .heads import ContrastiveRowHead
from .necks import misfit


class TwoViewAlgorithm(BaseSelfSupervisor):
    """Two views, one encoder, and a head that turns rows into the loss.

    Args:
        backbone: Config of the encoder.
        neck: Config of the projection head.
        head: Config of a head of mmdcl: ``mmdcl.DCLHead``, ``mmdcl.DCLWHead``
            or ``mmdcl.InfoNCEHead``.
        tile: Rows of a tile of similarities, or 0: all at once; see
            :func:`mmdcl.functional.two_view_contrast`.
        channels_last: Keep the backbone's weights as convolutions like them
            best; results are the same up to rounding, and sooner.
        **kwargs: As in upstream's ``BaseSelfSupervisor``.

    Raises:
        TypeError: The head is not one of ours, or an argument of another
            type than above.
    """

    #: Fewer in all processes together have no negatives.
    least_images = 2

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        head: dict,
        tile: int | None = None,
        channels_last: bool = False,
        **kwargs,
    ) -> None:
        given = isinstance(head, dict)
        kind = UPSTREAM_MODELS.get(head['type']) if given else type(head)
        if kind and not issubclass(kind, ContrastiveRowHead):
            raise UserTypeError(
                f'mmdcl.{type(self).__name__} needs a head of mmdcl, got '
                f'{kind.__name__}; its equal here is '
                'mmdcl.InfoNCEHead, without the key `loss`'
            )
        require_whole('tile', 0 if tile is None else tile, least=0)
        require_flag('channels_last', channels_last)
        super().__init__(backbone=backbone, neck=neck, head=head, **kwargs)
        self.tile = tile
        self._told: set[str] = set()
        runnable_here(self)
        self.channels_last = channels_last
        self._lay_out(channels_last)  # before DDP copies the layout

    def _lay_out(self, channels_last: bool) -> None:
        if self.channels_last:
            formats = (torch.contiguous_format, torch.channels_last)
            self.backbone.to(memory_format=formats[channels_last])

    def init_weights(self) -> None:
        # Random numbers fill weights in the order of memory.
        self._lay_out(False)
        super().init_weights()
        self._lay_out(True)

    @abstractmethod
    def contrast(
        self, view1: Tensor, view2: Tensor, data_samples: list | None
    ) -> tuple[Contrast, dict[str, Watched]]:
        """Rows of the anchors of this process, and more to log.

        Args:
            view1: ``(B, D)`` projections of the first views.
            view2: ``(B, D)`` projections of the second views.
            data_samples: Of the ``B`` images, or ``None``.

        Returns:
            Rows, and what :func:`mmdcl.functional.global_means` takes, for
            the log.
        """

    def _project(self, images: Tensor) -> Tensor:
        try:
            features = self.backbone(images)
        except AssertionError as error:  # upstream's, of sizes
            raise UserValueError(
                f'{type(self.backbone).__name__} takes no images of '
                f'{images.shape[2]} x {images.shape[3]} px: {error}'
            ) from error
        try:
            return self.neck(features)[0]
        except (AssertionError, RuntimeError, ValueError) as error:
            if said := misfit(self.backbone, self.neck, features):
                raise UserValueError(said) from error
            raise

    def loss(
        self, inputs: list[Tensor], data_samples: list | None, **kwargs
    ) -> dict[str, Tensor]:
        """Loss, and what to watch, of a batch of ``B`` images.

        Args:
            inputs: Two views, each ``(B, C, H, W)``.
            data_samples: Of the images; see the algorithm for its use.

        Returns:
            ``loss``, and the means of ``npc_multiplier`` (``q``, in (0, 1):
            the factor by which InfoNCE would shrink a gradient),
            ``pos_cosine`` and ``neg_cosine``, and what the algorithm adds:
            all over the anchors of all processes.

        Raises:
            ValueError: There are not two views, the neck gives no vectors,
                or there is only one image in all.
        """
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            got = (
                f'{len(inputs)} views'
                if isinstance(inputs, (list, tuple))
                else f'one tensor {tuple(inputs.shape)}'
            )
            raise UserValueError(
                f'{type(self).__name__} contrasts two views of each image, '
                f'got {got}; use '
                "dict(type='MultiView', num_views=2, ...) in the pipeline"
            )
        projections = self._project(torch.cat(inputs))
        if projections.ndim != 2:
            raise UserValueError(
                'a contrastive loss needs projections (B, D) from the neck, '
                f'got {tuple(projections.shape)}; use one that pools, such as '
                'NonLinearNeck'
            )
        (pos, s, neg), more = self.contrast(
            *projections.chunk(2), data_samples
        )
        loss = self.head.loss_from_rows(pos, s)
        q = npc_multiplier(pos.detach(), s.detach(), self.head.temperature)
        watched = dict(
            npc_multiplier=q,
            pos_cosine=pos.detach(),
            neg_cosine=neg,
            **more,
        )
        told = {name for name, x in watched.items() if x is not None}
        if len(pos):
            self._told = told
        else:  # labels are others' to know: say what was said before
            told |= self._told
        means = global_means(watched, pos)
        return dict(loss=loss, **{k: v for k, v in means.items() if k in told})
