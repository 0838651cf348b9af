"""What the algorithms share: what they take, project and log."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from itertools import groupby

import torch
from mmpretrain.models.selfsup.base import BaseSelfSupervisor
from mmpretrain.registry import MODELS as UPSTREAM_MODELS
from torch import Tensor

from ..arguments import require_flag, require_whole
from ..errors import UserTypeError, UserValueError
from ..functional import Contrast, Watched, global_means, npc_multiplier
from ..functional.gather import Peers
from ..functional.recompute import micro_batched
from ..sync_bn import runnable_here
from .heads import ContrastiveRowHead
from .micro_batch import micro_batch_problem
from .necks import misfit


class ContrastiveAlgorithm(BaseSelfSupervisor):
    """Views, one encoder, and a head that turns rows into the loss.

    Args:
        backbone: Config of the encoder.
        neck: Config of the projection head.
        head: Config of a head of mmdcl: ``mmdcl.DCLHead``, ``mmdcl.DCLWHead``
            or ``mmdcl.InfoNCEHead``.
        tile: Rows of a tile of similarities, or 0: all at once; see
            :func:`mmdcl.functional.view_contrast`.
        micro_batch: Images of a process that the backbone holds activations
            of at a time, which must divide its batch. The loss and its
            gradient are of the whole batch: activations are computed again in
            the backward, a micro-batch at a time. BatchNorm of the backbone
            has the statistics of each micro-batch. Default: all at once.
        channels_last: Keep the backbone's weights as convolutions like them
            best; results are the same up to rounding, and sooner.
        **kwargs: As in upstream's ``BaseSelfSupervisor``.

    Raises:
        TypeError: The head is not one of ours, or an argument of another
            type than above.
    """

    #: Fewer in all processes together have no negatives.
    least_images = 2
    #: All processes are known to hold as many images, in every batch.
    equal_batches = False

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        head: dict,
        tile: int | None = None,
        micro_batch: int | None = None,
        channels_last: bool = False,
        **kwargs,
    ) -> None:
        kind = head.get('type') if isinstance(head, dict) else type(head)
        if isinstance(kind, str):  # not the class itself
            kind = UPSTREAM_MODELS.get(kind)
        if kind and not issubclass(kind, ContrastiveRowHead):
            raise UserTypeError(
                f'mmdcl.{type(self).__name__} needs a head of mmdcl, got '
                f'{kind.__name__}; write head=dict(_delete_=True, type='
                "'mmdcl.DCLHead', temperature=0.1), or mmdcl.InfoNCEHead for "
                'what ContrastiveHead is with CrossEntropyLoss'
            )
        require_whole('tile', 0 if tile is None else tile, least=0)
        require_whole('micro_batch', 1 if micro_batch is None else micro_batch)
        require_flag('channels_last', channels_last)
        super().__init__(backbone=backbone, neck=neck, head=head, **kwargs)
        self.tile = tile
        self.micro_batch = micro_batch
        self._told: set[str] = set()
        runnable_here(self)
        self.channels_last = channels_last
        self._lay_out(channels_last)  # before DDP copies the layout

    def require_plain_head(self) -> None:
        """Refuse heads with a contrast of views of their own."""
        if type(self.head).contrast is not ContrastiveRowHead.contrast:
            raise UserTypeError(
                f'mmdcl.{type(self.head).__name__} has no form for '
                f'mmdcl.{type(self).__name__}; use mmdcl.DCLHead, or '
                'model.type=mmdcl.SimCLR'
            )

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
        self,
        views: Sequence[Tensor],
        large: int,
        peers: Peers,
        data_samples: list | None,
    ) -> tuple[Contrast, dict[str, Watched]]:
        """Rows of the anchors of this process, and more to log.

        Args:
            views: ``V`` times ``(B, D)``, projections of each view.
            large: How many of the views, the first ones, are of the largest
                size; the others are small crops.
            peers: Who holds which images.
            data_samples: Of the ``B`` images, or ``None``.

        Returns:
            Rows, and what :func:`mmdcl.functional.global_means` takes, for
            the log.
        """

    def _encode(self, images: Tensor) -> Tensor:
        try:
            features = self.backbone(images)
        except AssertionError as error:  # upstream's, of sizes
            raise UserValueError(
                f'{type(self.backbone).__name__} takes no images of '
                f'{images.shape[2]} x {images.shape[3]} px: {error}'
            ) from error
        try:
            projections = self.neck(features)[0]
        except (AssertionError, RuntimeError, ValueError) as error:
            if said := misfit(self.backbone, self.neck, features):
                raise UserValueError(said) from error
            raise
        if projections.ndim != 2:
            raise UserValueError(
                'a contrastive loss needs projections (B, D) from the neck, '
                f'got {tuple(projections.shape)}; use one that pools, such as '
                'NonLinearNeck'
            )
        return projections

    def _project(self, views: Sequence[Tensor]) -> Tensor:
        """Projections ``(V, B, D)`` of views of one size."""
        count, images = len(views), len(views[0])
        rows, size = torch.cat(list(views)), self.micro_batch
        if size is None or images <= size:
            projections = self._encode(rows)
        else:
            with micro_batched(self.backbone, size, count):
                projections = self._encode(rows)
        return projections.unflatten(0, (count, images))

    def micro_batch_problem(self, batches: Iterable[int]) -> str:
        """Why batches of so many images cannot be divided; or nothing."""
        return micro_batch_problem(self.micro_batch, batches)

    def loss(
        self, inputs: list[Tensor], data_samples: list | None, **kwargs
    ) -> dict[str, Tensor]:
        """Loss, and what to watch, of a batch of ``B`` images.

        Args:
            inputs: Two views or more, each ``(B, C, H, W)``; those of the
                largest size first, small crops after them.
            data_samples: Of the images; see the algorithm for its use.

        Returns:
            ``loss``, and the means of ``npc_multiplier`` (``q``, in (0, 1):
            the factor by which InfoNCE would shrink a gradient),
            ``pos_cosine`` and ``neg_cosine``, and what the algorithm adds:
            all over the anchors of all processes.

        Raises:
            ValueError: There are no two views, small ones come first, the
                neck gives no vectors, ``micro_batch`` does not divide the
                batch, or there is only one image in all.
        """
        self._check_views(inputs)
        sizes = [list(x) for _, x in groupby(inputs, _size)]
        views = [z for some in sizes for z in self._project(some)]
        peers = Peers(len(inputs[0]), self.equal_batches)
        given = views, len(sizes[0]), peers, data_samples
        (pos, s, neg), more = self.contrast(*given)
        loss = self.head.loss_from_rows(pos, s)
        q = npc_multiplier(pos.detach(), s.detach(), self.head.temperature)
        watched = dict(
            npc_multiplier=q, pos_cosine=pos.detach(), neg_cosine=neg
        )
        watched |= more
        told = {name for name, x in watched.items() if x is not None}
        if len(pos):
            self._told = told
        else:  # labels are others' to know: say what was said before
            told |= self._told
        means = global_means(watched, pos)
        return dict(loss=loss, **{k: v for k, v in means.items() if k in told})

    def _check_views(self, inputs: list[Tensor]) -> None:
        several = isinstance(inputs, (list, tuple))
        if not several or len(inputs) < 2:
            got = (
                f'{len(inputs)} view'
                if several
                else f'one tensor {tuple(inputs.shape)}'
            )
            raise UserValueError(
                f'{type(self).__name__} contrasts two views of each image or '
                f'more, got {got}; use '
                "dict(type='MultiView', num_views=2, ...) in the pipeline"
            )
        areas = [x.shape[-2] * x.shape[-1] for x in inputs]
        if areas != sorted(areas, reverse=True):
            got = ', '.join(f'{x.shape[-2]} x {x.shape[-1]}' for x in inputs)
            raise UserValueError(
                'large views come first and small crops after them, got views '
                f'of {got} px; order `transforms` of MultiView like that'
            )
        if problem := self.micro_batch_problem([len(inputs[0])]):
            raise UserValueError(problem)


def _size(images: Tensor) -> torch.Size:
    return images.shape[-2:]
