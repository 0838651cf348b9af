"""NNCLR: the positive is the nearest neighbour among past projections."""

from collections.abc import Sequence

import torch
from mmpretrain.registry import MODELS as UPSTREAM_MODELS
from torch import Tensor, nn

from ..arguments import require_whole
from ..errors import UserValueError
from ..functional import (
    Contrast,
    Watched,
    neighbors_contrast,
    normalise,
)
from ..functional.gather import Peers
from ..registry import MODELS
from ..sync_bn import runnable_here
from .algorithm import ContrastiveAlgorithm
from .support_set import Neighbors

_NEGATIVES = ('other_view', 'both_views')


@MODELS.register_module()
class NNCLR(ContrastiveAlgorithm):
    """Nearest neighbours of one view against predictions of the other.

    Both views are looked up in the support set as it was before this step,
    in float32 and without gradient; only then the projections of the first
    views of all processes are enqueued. While the set is empty, in the very
    first step, neighbours are zero and so is the gradient.

    With more than two views (multi-crop) the neighbours are of the large
    views, each against the predictions of all other views.

    Dwibedi et al., ICCV 2021, arXiv 2104.14548. With ``mmdcl.InfoNCEHead`` it
    is the paper's; with ``mmdcl.DCLHead`` it is NNCLR + DCL of Yeh et al.,
    ECCV 2022, arXiv 2110.06848.

    Args:
        backbone: Config of the encoder.
        neck: Config of the projection head.
        predictor: Config of the predictor, projections to predictions of the
            same width.
        head: Config of a head of mmdcl: ``mmdcl.DCLHead``, ``mmdcl.DCLWHead``
            or ``mmdcl.InfoNCEHead``.
        support_set: Arguments of :class:`mmdcl.SupportSet`. A ``size`` near
            the number of training images, or above, remembers older views of
            the query's own image.
        top_k: The neighbour is drawn from that many nearest ones.
        negatives: ``'other_view'``, predictions of the positive's view of all
            other images (the paper), or ``'both_views'``, all of them (as DCL
            does under SimCLR).
        **kwargs: ``tile``, ``micro_batch`` and ``channels_last`` as in
            :class:`mmdcl.SimCLR`; others as in upstream's
            ``BaseSelfSupervisor``.

    Raises:
        TypeError: The head is not one of ours.
        ValueError: ``top_k`` or ``negatives`` is not one of the above, or the
            support set or the predictor is not as wide as the projections.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        predictor: dict,
        head: dict,
        support_set: dict | None = None,
        top_k: int = 1,
        negatives: str = 'other_view',
        **kwargs,
    ) -> None:
        require_whole('top_k', top_k)
        super().__init__(backbone=backbone, neck=neck, head=head, **kwargs)
        self.require_plain_head()
        widths = predictor if isinstance(predictor, dict) else {}
        if not isinstance(predictor, nn.Module):
            predictor = UPSTREAM_MODELS.build(predictor)
        self.predictor = runnable_here(predictor)
        support_set = {'type': 'mmdcl.SupportSet', **(support_set or {})}
        self.support_set = MODELS.build(support_set)
        width = neck.get('out_channels') if isinstance(neck, dict) else None
        if width not in (None, self.support_set.dim):
            raise UserValueError(
                f'`support_set.dim` is {self.support_set.dim}, but the neck '
                f'projects to `out_channels` {width}: they must be equal'
            )
        for side in ('in_channels', 'out_channels'):
            other = widths.get(side, width)
            if width is not None and other != width:
                raise UserValueError(
                    f'`predictor.{side}` is {other}, but the neck projects to '
                    f'`out_channels` {width}: they must be equal'
                )
        if top_k > self.support_set.size:
            raise UserValueError(
                f'`top_k` must be in [1, {self.support_set.size}], the size '
                f'of the support set, got {top_k}'
            )
        if negatives not in _NEGATIVES:
            raise UserValueError(
                f'`negatives` must be one of {_NEGATIVES}, got {negatives!r}'
            )
        self.top_k = top_k
        self.negatives = negatives

    def contrast(
        self,
        views: Sequence[Tensor],
        large: int,
        peers: Peers,
        data_samples: list | None,
    ) -> tuple[Contrast, dict[str, Watched]]:
        """Rows of the neighbours of large views, and what to watch of them.

        Beside the rows, of the neighbours: ``neighbor_cosine`` (with the
        query) and ``neighbor_age`` (steps since it was enqueued);
        ``self_match``, the share that equals one of the projections of large
        views of the same image in this very step (must be 0);
        ``support_fill``, the filled share of the set, and ``not_enqueued``,
        how many projections this run has left out of it; and, where
        ``data_samples`` know image or label, ``same_image``, the share that
        is an earlier view of the query's image, and ``neighbor_accuracy``,
        the percentage with its label.
        """
        projections = torch.cat(list(views))
        predictions = self.predictor((projections,))[0]
        queries = torch.cat(list(views[:large])).detach()
        found = self.support_set.neighbors(queries, self.top_k)
        image, label = _known(data_samples, queries.device)
        watched = self._diagnostics(queries, found, large, image, label)
        self.support_set.enqueue(views[0].detach(), image, label, peers)
        contrast = neighbors_contrast(
            found.projection.chunk(large),
            predictions.chunk(len(views)),
            temperature=self.head.temperature,
            all_views=self.negatives == 'both_views',
            tile=self.tile,
            peers=peers,
        )
        return contrast, watched

    def _diagnostics(
        self,
        queries: Tensor,
        found: Neighbors,
        large: int,
        image: Tensor | None,
        label: Tensor | None,
    ) -> dict[str, Watched]:
        own = normalise(queries).to(found.projection.dtype)
        views = torch.stack(own.chunk(large)).repeat(1, large, 1)
        same = (views * found.projection).sum(-1) > 1 - 1e-6
        support = self.support_set
        return dict(
            neighbor_cosine=found.cosine,
            neighbor_age=found.age,
            self_match=same.any(0),
            support_fill=support.filled / support.size,
            not_enqueued=support.not_enqueued,
            same_image=_agreement(found.image, image),
            neighbor_accuracy=_agreement(found.label, label, 100),
        )


def _agreement(
    theirs: Tensor, own: Tensor | None, scale: float = 1
) -> Watched:
    """Which neighbours agree, among those that are known."""
    if own is None:
        return None
    own = own.repeat(len(theirs) // max(len(own), 1))
    return scale * (theirs == own), theirs >= 0


def _sent(x: Tensor, device: torch.device) -> Tensor:
    if x.device.type == 'cpu' and device.type == 'cuda':
        x = x.pin_memory()
    return x.to(device, non_blocking=True)


def _known(
    data_samples: list | None, device: torch.device
) -> tuple[Tensor | None, Tensor | None]:
    """Numbers and labels of the images, where all of them have one."""
    image = label = None
    samples = data_samples or []
    numbers = [sample.get('sample_idx') for sample in samples]
    if numbers and None not in numbers:
        image = _sent(torch.tensor(numbers), device)
    labels = [sample.get('gt_label') for sample in samples]
    if labels and all(x is not None and x.numel() == 1 for x in labels):
        label = _sent(torch.cat(labels), device)
    return image, label
