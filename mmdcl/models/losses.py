"""Loss modules, in the place of ``CrossEntropyLoss`` over contrastive logits.

Letters: ``N`` anchors on this process, ``M`` columns, one of them positive.
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor

from .. import functional
from ..arguments import require_number
from ..registry import MODELS
from .heads import ContrastiveRowHead, DCLHead, DCLWHead
from .misplaced import NoHead


class ContrastiveCrossEntropy(NoHead, BaseModule):
    """Logits and labels to a head's loss, which has its own temperature of 1.

    Logits are divided by the temperature already, so the head gets them as
    cosines of temperature 1.

    Args:
        head: That takes the rows.
        loss_weight: The loss is multiplied by it, as in upstream's losses.
    """

    def __init__(self, head: ContrastiveRowHead, loss_weight: float) -> None:
        super().__init__()
        require_number('loss_weight', loss_weight)
        self.head = head
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean loss, a scalar, over the anchors of all processes.

        Computed in float32 at least, under any autocast.

        Args:
            logits: ``(N, M)`` cosines divided by the temperature, ``M >= 2``.
            labels: ``(N,)`` the column of each positive.

        Raises:
            ValueError: Shapes do not fit, or there is no negative.
            TypeError: Labels are no whole numbers.
        """
        with torch.autocast(logits.device.type, enabled=False):
            rows = functional.split_logits(logits, labels)
            return self.loss_weight * self.head.loss_from_rows(*rows)

    def extra_repr(self) -> str:
        return f'loss_weight={self.loss_weight}'


@MODELS.register_module()
class DecoupledCrossEntropyLoss(ContrastiveCrossEntropy):
    """DCL where a pipeline has cross-entropy over one positive and negatives.

    ``logsumexp`` over the columns other than the label, minus the label's
    logit: cross-entropy without the label in its own denominator. For
    ``head=dict(loss=...)`` of upstream's ``MoCoV3Head`` and
    ``ContrastiveHead``. See :func:`mmdcl.functional.dcl`.

    Where no gradient flows through columns that other processes computed,
    as through the momentum keys of MoCo v3, several processes have the
    gradient of one.

    Args:
        loss_weight: The loss is multiplied by it, as in upstream's losses.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__(DCLHead(temperature=1.0), loss_weight)


@MODELS.register_module()
class WeightedDecoupledCrossEntropyLoss(ContrastiveCrossEntropy):
    """The same with DCLW's von Mises-Fisher weights on the positives.

    Weights depend on cosines, so the temperature that divided them is needed.
    They are relative to the positives of all processes.

    Args:
        temperature: > 0, of the head that makes the logits.
        sigma: > 0, of the weight.
        detach: As in :class:`DCLWHead`.
        loss_weight: The loss is multiplied by it, as in upstream's losses.
    """

    def __init__(
        self,
        temperature: float,
        sigma: float = 0.5,
        detach: bool = True,
        loss_weight: float = 1.0,
    ) -> None:
        require_number('temperature', temperature, above=0)
        require_number('sigma', sigma, above=0)
        # exp(cosine / sigma), of a logit that is cosine / temperature.
        head = DCLWHead(1.0, sigma / temperature, detach)
        super().__init__(head, loss_weight)
