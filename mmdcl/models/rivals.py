"""Rivals of DCL for small batches and a control, in one place."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .. import functional
from ..arguments import require_number
from ..errors import UserTypeError, UserValueError
from ..registry import MODELS
from .heads import ContrastiveRowHead, DCLHead, InfoNCEHead


@MODELS.register_module()
class DHELHead(DCLHead):
    """DCL whose negatives are of the anchor's own view alone.

    Decoupled hyperspherical energy loss, Koromilas et al., ICML 2024, arXiv
    2405.18045, of all views as anchors. The authors' code by default gives
    twice this with half the positive. Only :class:`mmdcl.SimCLR` knows which
    view a negative is of.
    """

    def contrast(
        self, views: Sequence[Tensor], **kwargs
    ) -> functional.Contrast:
        return super().contrast(views, same_view=True, **kwargs)

    def loss(self, pos: Tensor, neg: Tensor) -> Tensor:
        raise UserTypeError(
            'mmdcl.DHELHead needs to know which view a negative is of; use it '
            'in mmdcl.SimCLR'
        )


@MODELS.register_module()
class MACLHead(ContrastiveRowHead):
    """InfoNCE at a temperature that follows the alignment, and reweighted.

    ``t = temperature * (1 + alpha * (A - alignment))`` with ``A``, the mean
    cosine of all positives of the global batch; and each anchor's InfoNCE is
    divided by its ``q``. Both are constants to the gradient, which therefore
    is that of DCL at ``t``. Huang et al., ICML 2023, arXiv 2207.07874.

    Args:
        temperature: > 0, where the alignment is ``alignment``.
        alpha: In [0, 1]: how far the temperature follows.
        alignment: In [0, 1].
        init_cfg: As in any mmengine module.

    Raises:
        ValueError: A number is not in its range, or the temperature could
            become 0.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        alpha: float = 0.5,
        alignment: float = 0.0,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(temperature, init_cfg)
        for name, x in (('alpha', alpha), ('alignment', alignment)):
            require_number(name, x)
            if not 0 <= x <= 1:
                raise UserValueError(f'`{name}` must be in [0, 1], got {x}')
        if alpha * (1 + alignment) > 1:
            raise UserValueError(
                f'with `alpha` {alpha} and `alignment` {alignment} the '
                'temperature could become 0; make one of them smaller'
            )
        self.initial, self.alpha = temperature, alpha
        self.alignment = alignment

    def contrast(
        self, views: Sequence[Tensor], **kwargs
    ) -> functional.Contrast:
        z = functional.normalise(torch.stack(list(views)).detach())
        both = z.sum(0).square().sum(-1) - z.square().sum((0, 2))
        self._adapt(both / (len(z) * (len(z) - 1)))
        return super().contrast(views, **kwargs)

    def loss(self, pos: Tensor, neg: Tensor) -> Tensor:
        self._adapt(pos.detach().flatten())
        return super().loss(pos, neg)

    def watched(self, pos: Tensor) -> dict[str, functional.Watched]:
        return dict(temperature=pos.new_full((), self.temperature))

    def rows(self, pos: Tensor, s: Tensor) -> Tensor:
        given = pos, s, self.temperature
        dcl, q = functional.dcl(*given), functional.npc_multiplier(*given)
        tiny = torch.finfo(q.dtype).tiny  # exp(dcl) may vanish, no ratio does
        loss = functional.info_nce(*given).clamp(min=tiny) / q.clamp(min=tiny)
        return dcl + (loss - dcl).detach()

    def _adapt(self, pos: Tensor) -> None:
        mean = float(functional.global_means(dict(pos=pos), pos)['pos'])
        shift = self.alpha * (mean - self.alignment)
        self.temperature = self.initial * (1 + shift)


@MODELS.register_module()
class RescaledInfoNCEHead(InfoNCEHead):
    """InfoNCE divided by the mean ``q`` of the global batch, a constant.

    A control: gradients are about as long as those of DCL, and anchors weigh
    as they do in InfoNCE, by their own ``q``. What DCL gains beyond this is
    no matter of the length of a step.
    """

    def rows(self, pos: Tensor, s: Tensor) -> Tensor:
        q = functional.npc_multiplier(pos, s, self.temperature).detach()
        mean = functional.global_means(dict(q=q), q)['q']
        return super().rows(pos, s) / mean.clamp(min=torch.finfo(q.dtype).tiny)
