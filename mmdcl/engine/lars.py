"""LARS in a few passes over all parameters, without waiting for a device."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ..arguments import require_flag, require_number
from ..errors import UserValueError
from ..registry import OPTIMIZERS

# Of a group: what decides how its parameters are updated.
_SETTINGS = (
    'lr',
    'momentum',
    'dampening',
    'weight_decay',
    'nesterov',
    'eta',
)


def _add(to: list[Tensor], what: list[Tensor], times: Tensor | float) -> None:
    """Add ``times * what``, which may differ for each tensor, in place."""
    if isinstance(times, Tensor):
        factors = times.to(to[0].dtype)
        torch._foreach_addcmul_(to, what, list(factors.unbind()))
    elif times:
        torch._foreach_add_(to, what, alpha=times)


@OPTIMIZERS.register_module()
class LARS(Optimizer):
    """mmpretrain's LARS, several times cheaper, the same up to rounding.

    mmpretrain's asks the device for two norms of each layer and waits for
    both, and makes five copies of each layer. Here norms stay where they are,
    parameters with the same settings are updated together (even if they are
    groups of their own, as mmengine's ``paramwise_cfg`` makes them), in
    place. Arguments, ``lars_exclude`` of a group and checkpoints are the
    same.

    You et al., 2017, arXiv 1708.03888.

    Args:
        params: Parameters, or groups of them.
        lr: Learning rate, >= 0.
        momentum: >= 0.
        weight_decay: L2 penalty, >= 0.
        dampening: Of the momentum.
        eta: Trust coefficient, >= 0.
        nesterov: Whether the momentum is Nesterov's.
        eps: Added to the denominator of the trust ratio.

    Raises:
        TypeError: One of them is no number.
        ValueError: One of them is not as said, or Nesterov's momentum is to
            be zero or dampened.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float,
        momentum: float = 0,
        weight_decay: float = 0,
        dampening: float = 0,
        eta: float = 0.001,
        nesterov: bool = False,
        eps: float = 1e-8,
    ) -> None:
        settings = dict(
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            eta=eta,
        )
        require_flag('nesterov', nesterov)
        for name in ('lr', 'momentum', 'weight_decay', 'eta'):
            require_number(name, settings[name], least=0)
        require_number('dampening', dampening)
        require_number('eps', eps, least=0)
        if nesterov and (not momentum or dampening):
            raise UserValueError(
                "Nesterov's momentum needs `momentum` > 0 and no dampening, "
                f'got {momentum} and {dampening}'
            )
        self.eps = eps
        super().__init__(params, settings)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault('nesterov', False)

    @torch.no_grad()
    def step(self, closure: Callable | None = None) -> Any:
        """Update all parameters that have a gradient.

        Args:
            closure: Computes the loss again, with gradients.

        Returns:
            What ``closure`` returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        alike = defaultdict(list)
        for group in self.param_groups:
            settings = tuple(group[name] for name in _SETTINGS)
            exclude = group.get('lars_exclude', False)
            for parameter in group['params']:
                if parameter.grad is not None:
                    state = self.state.get(parameter, {})
                    new = 'momentum_buffer' not in state
                    kind = (parameter.device, parameter.dtype)
                    alike[kind, new, exclude, settings].append(parameter)
        for (_, new, exclude, settings), parameters in alike.items():
            named = dict(zip(_SETTINGS, settings, strict=True))
            self._update(parameters, new, exclude, **named)
        return loss

    def _update(
        self,
        parameters: list[Tensor],
        new: bool,
        exclude: bool,
        *,
        lr: float,
        momentum: float,
        dampening: float,
        weight_decay: float,
        nesterov: bool,
        eta: float,
    ) -> None:
        """Update parameters, of which ``new`` ones have no momentum yet."""
        gradients = [x.grad for x in parameters]
        rate: Tensor | float = lr
        if not exclude:
            rate = lr * self._trust(parameters, gradients, weight_decay, eta)
        if momentum:
            if new:
                for x in parameters:
                    self.state[x]['momentum_buffer'] = torch.zeros_like(x)
            buffers = [self.state[x]['momentum_buffer'] for x in parameters]
            torch._foreach_mul_(buffers, momentum)
            part = 1 if new else 1 - dampening
            _add(buffers, gradients, part * rate)
            _add(buffers, parameters, part * weight_decay * rate)
        if nesterov or not momentum:
            _add(parameters, parameters, -weight_decay * rate)
            _add(parameters, gradients, -rate)
        if momentum:
            _add(parameters, buffers, -momentum if nesterov else -1)

    def _trust(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        weight_decay: float,
        eta: float,
    ) -> Tensor:
        """Trust ratio of each parameter."""
        weight, gradient = (
            torch.stack(torch._foreach_norm(x))
            for x in (parameters, gradients)
        )
        ratio = eta * weight / (gradient + weight_decay * weight + self.eps)
        return torch.where((weight != 0) & (gradient != 0), ratio, 1)
