"""Contrast with the labels that there are: no mate is a negative."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import UserTypeError, UserValueError
from ..functional import Contrast, Watched, class_contrast
from ..functional.gather import Peers
from ..registry import MODELS
from .algorithm import ContrastiveAlgorithm
from .heads import InfoNCEHead

_POSITIVES = ('class', 'view')


@MODELS.register_module()
class SupCon(ContrastiveAlgorithm):
    """SimCLR whose negatives are images of other classes.

    Labels are ``gt_label`` of the images, -1 where there is none: such an
    image is a class of its own, and without any label this is
    :class:`mmdcl.SimCLR`.

    With ``mmdcl.DCLHead`` no positive is in a denominator. The published
    SupCon (Khosla et al., NeurIPS 2020, arXiv 2004.11362) has them all in it,
    SINCERE (arXiv 2309.14277) each in its own; what is left of the latter
    without it is what ``positives='class'`` computes.

    Args:
        *args: As in :class:`mmdcl.SimCLR`.
        positives: ``'class'``, all other embeddings of the anchor's class, or
            ``'view'``, the other views of its image alone: labels then only
            say what is no negative (NSCL, Luthra et al., 2025, arXiv
            2506.04411).
        **kwargs: As in :class:`mmdcl.SimCLR`.

    Raises:
        TypeError: The head is not one of ours, or does not fit.
        ValueError: ``positives`` is none of the above; in training, no image
            had a label since it began, or all of a batch are of one class.
    """

    def __init__(self, *args, positives: str = 'class', **kwargs) -> None:
        if positives not in _POSITIVES:
            raise UserValueError(
                f'`positives` must be one of {_POSITIVES}, got {positives!r}'
            )
        super().__init__(*args, **kwargs)
        self.require_plain_head()
        if positives == 'class' and isinstance(self.head, InfoNCEHead):
            raise UserTypeError(
                'mmdcl.InfoNCEHead couples an anchor with one positive, and '
                "with positives='class' it has many; use mmdcl.DCLHead or "
                "mmdcl.DCLWHead, or positives='view'"
            )
        self.positives = positives
        self._labelled = False  # some image, so far

    def contrast(
        self,
        views: Sequence[Tensor],
        large: int,
        peers: Peers,
        data_samples: list | None,
    ) -> tuple[Contrast, dict[str, Watched]]:
        """Rows of the anchors; of each, over its positives, the mean."""
        found = [sample.get('gt_label') for sample in data_samples or []]
        self._labelled |= any(x is not None for x in found)
        if data_samples is None or (found and not self._labelled):
            raise UserValueError(
                'mmdcl.SupCon contrasts classes, and no image of the batch '
                'has a `gt_label`; train on a labelled dataset, in which '
                'images without a label say -1, or use mmdcl.SimCLR'
            )
        labels = _labels(found)
        try:
            contrast = class_contrast(
                views,
                labels,
                self.head.temperature,
                self.positives == 'class',
                self.tile,
                peers,
            )
        except ValueError as error:
            raise UserValueError(str(error)) from error
        # q is of an anchor and one positive.
        several = self.positives == 'class'
        return contrast, dict(npc_multiplier=None) if several else {}


def _labels(found: list[Tensor | None]) -> Tensor:
    """``(B,)`` on the host, -1 where an image has none."""
    for label in found:
        if label is not None and label.numel() != 1:
            raise UserValueError(
                'mmdcl.SupCon needs one class for each image, got `gt_label` '
                f'{label.tolist()}'
            )
    none = torch.full((1,), -1)
    return torch.cat(
        [none[:0], *(none if x is None else x.flatten().cpu() for x in found)]
    )
