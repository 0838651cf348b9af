"""A linear classifier with an optimizer of its own."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

_TILE = 8192  # rows that are classified at a time


class LinearProbe(nn.Module):
    """Softmax regression on standardised features, with its optimizer.

    Features are divided by the root of their number, beside their standard
    deviation, which keeps the curvature of the loss below 1/2; and what
    classifies is the average of the weights over about the last hundred
    steps. So one learning rate does for any width and batch: on CIFAR-10, 64
    views a step, 0.1 to 3 differ by less than a point. Weights begin at zero:
    nothing random is drawn.

    Args:
        width: ``D``, of the features.
        classes: ``C``.
        lr: > 0.
        momentum: In [0, 1).
    """

    def __init__(
        self, width: int, classes: int, lr: float, momentum: float
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width, affine=False)
        self.linear = skip_init(nn.Linear, width, classes)
        self.average = skip_init(nn.Linear, width, classes)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)
        self.average.requires_grad_(False)
        self.scale = width**-0.5
        self.optimizer = torch.optim.SGD(
            self.linear.parameters(), lr=lr, momentum=momentum
        )

    @torch.enable_grad()
    def update(self, features: Tensor, labels: Tensor) -> None:
        """One step of its optimizer.

        Args:
            features: ``(N, D)``; of one row nothing is learned.
            labels: ``(N,)``.
        """
        if len(features) < 2:
            return
        self.train()
        self.optimizer.zero_grad()
        with torch.autocast(features.device.type, enabled=False):
            scores = self.linear(self._standardised(features))
            F.cross_entropy(scores, labels).backward()
        self.optimizer.step()
        steps = self.norm.num_batches_tracked
        new = torch.clamp(9 / (9 + steps), min=0.01)
        with torch.no_grad():
            for mean, now in zip(
                self.average.parameters(),
                self.linear.parameters(),
                strict=True,
            ):
                mean.lerp_(now, new)

    @torch.no_grad()
    def predict(self, features: Tensor) -> Tensor:
        """``(N,)`` classes of ``(N, D)`` features, on the host."""
        self.eval()
        device = self.linear.weight.device
        found = [
            self.average(self._standardised(part.to(device))).argmax(1).cpu()
            for part in features.split(_TILE)
        ]
        return torch.cat(found)

    def _standardised(self, features: Tensor) -> Tensor:
        return self.norm(features) * self.scale

    @property
    def trained(self) -> bool:
        """Whether there was a step; before, its scores say nothing."""
        return bool(self.norm.num_batches_tracked)

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, on the host."""
        momenta = [
            self.optimizer.state[x].get('momentum_buffer')
            for x in self.linear.parameters()
        ]
        weights = self.state_dict()
        return dict(
            weights={name: x.cpu() for name, x in weights.items()},
            momenta=[None if x is None else x.cpu() for x in momenta],
        )

    def load(self, state: Any) -> None:
        """Go on from there.

        Raises:
            ValueError: It is not of a probe of these sizes.
        """
        try:
            weights, momenta = dict(state['weights']), list(state['momenta'])
            pairs = list(zip(self.linear.parameters(), momenta, strict=True))
            if any(x is not None and x.shape != p.shape for p, x in pairs):
                raise ValueError('momenta')
            self.load_state_dict(weights)
        except (AttributeError, KeyError, RuntimeError, TypeError) as error:
            raise ValueError(str(error)) from error
        for parameter, momentum in pairs:
            if momentum is not None:
                own = self.optimizer.state[parameter]
                own['momentum_buffer'] = momentum.to(parameter)
