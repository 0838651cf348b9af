"""Contrastive heads, drop-in for mmpretrain's ``ContrastiveHead``.

Letters: ``N`` anchors on this process, ``K`` negatives of an anchor.
"""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor

from .. import functional
from ..arguments import require_flag, require_number
from ..functional.unit import full_precision
from ..registry import MODELS
from .misplaced import NoLossModule, require_cosines


class ContrastiveRowHead(NoLossModule, BaseModule):
    """What the heads share: rows to a scalar, the mean over all processes.

    Two ways in. ``loss(pos, neg)`` is the seam of upstream's SimCLR, MoCo and
    DenseCL. ``loss_from_rows(pos, s)`` is for algorithms that reduce the
    negatives themselves, without ever holding the ``(N, K)`` matrix.

    Args:
        temperature: > 0.
        init_cfg: As in any mmengine module.
    """

    def __init__(
        self, temperature: float = 0.1, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        require_number('temperature', temperature, above=0)
        self.temperature = temperature

    def contrast(
        self, views: Sequence[Tensor], **kwargs
    ) -> functional.Contrast:
        """:func:`mmdcl.functional.view_contrast` as this head wants it."""
        return functional.view_contrast(views, self.temperature, **kwargs)

    def watched(self, pos: Tensor) -> dict[str, functional.Watched]:
        """More for the log, of a batch, as ``global_means`` takes it."""
        return {}

    @abstractmethod
    def rows(self, pos: Tensor, s: Tensor) -> Tensor:
        """Losses ``(N,)`` of this process's anchors."""

    def loss_from_rows(self, pos: Tensor, s: Tensor) -> Tensor:
        """Mean loss, a scalar, over the anchors of all processes.

        The value is the same on all processes. After DDP has averaged
        parameter gradients it has the gradient of one process with the whole
        batch, also when processes hold different numbers of anchors. ``pos``
        and ``s`` are those of :func:`mmdcl.functional.dcl`.

        Raises:
            ValueError: No process has an anchor.
        """
        return functional.mean_with_gradient(self.rows(pos, s))

    def loss(self, pos: Tensor, neg: Tensor) -> Tensor:
        """The same from cosines, in float32 at least under any autocast.

        Args:
            pos: ``(N, 1)`` or ``(N,)`` cosines with the positive.
            neg: ``(N, K)`` cosines with the negatives, ``K >= 1``.

        Raises:
            ValueError: Shapes do not fit, or there is no negative.
        """
        require_cosines(pos, neg)
        with torch.autocast(pos.device.type, enabled=False):
            s = functional.log_sum_negatives(neg, self.temperature)
            return self.loss_from_rows(full_precision(pos).flatten(), s)

    def extra_repr(self) -> str:
        return f'temperature={self.temperature}'


@MODELS.register_module()
class InfoNCEHead(ContrastiveRowHead):
    """InfoNCE (NT-Xent): what SimCLR, MoCo and NNCLR are published with.

    Equal to upstream's ``ContrastiveHead`` with ``CrossEntropyLoss``, in
    float32 and exact over processes. See :func:`mmdcl.functional.info_nce`.
    """

    def rows(self, pos: Tensor, s: Tensor) -> Tensor:
        return functional.info_nce(pos, s, self.temperature)


@MODELS.register_module()
class DCLHead(ContrastiveRowHead):
    """Decoupled contrastive loss, which may be negative.

    See :func:`mmdcl.functional.dcl`.
    """

    def rows(self, pos: Tensor, s: Tensor) -> Tensor:
        return functional.dcl(pos, s, self.temperature)


@MODELS.register_module()
class DCLWHead(ContrastiveRowHead):
    """DCL with von Mises-Fisher weights on the positive term.

    Weights are relative to the positives of the global batch, see
    :func:`mmdcl.functional.von_mises_fisher_weight`.

    Args:
        temperature: > 0.
        sigma: > 0, of the weight.
        detach: Stop the gradient at the weight. Otherwise the most similar
            positives receive a gradient that pushes them apart; the paper
            does not say which it means.
        init_cfg: As in any mmengine module.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        sigma: float = 0.5,
        detach: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(temperature, init_cfg)
        require_number('sigma', sigma, above=0)
        require_flag('detach', detach)
        self.sigma = sigma
        self.detach = detach

    def rows(self, pos: Tensor, s: Tensor) -> Tensor:
        source = pos.detach() if self.detach else pos
        mean = functional.log_mean_exp_with_gradient(source / self.sigma)
        weight = functional.von_mises_fisher_weight(source, self.sigma, mean)
        return functional.dcl(pos, s, self.temperature, weight)

    def extra_repr(self) -> str:
        return f'{super().extra_repr()}, sigma={self.sigma}'
