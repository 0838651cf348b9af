"""A linear probe of each layer: ``mmdcl evaluate --protocol layers``."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..arguments import require_number, require_text, several
from ..engine.model import model_of
from ..registry import LOOPS
from .logistic import best_logistic
from .loop import FrozenTestLoop
from .parts import chosen_parts, listening
from .targets import Targets, require_classes, require_single

OUTPUT = 'output'  # of the network as a whole, as kNN and linear see it


@LOOPS.register_module()
class LayersTestLoop(FrozenTestLoop):
    """Accuracy of a linear classifier on each stage or block, frozen.

    Each gives one vector an image (:func:`mmdcl.protocols.parts.one_vector`),
    standardised by the training images. Logistic regression goes to its
    optimum by L-BFGS, its penalty chosen on a fifth of the training images:
    nothing depends on a learning rate. ``output`` is what the network gives
    in the end, left out where it is that of the last layer.

    Args:
        runner: The runner.
        dataloader: Of the test images.
        evaluator: ``[]``.
        layers: Names of stages or blocks; default: all of them.
        penalties: Of squared weights, > 0, to choose from.
        bank_dataloader: As for :class:`FrozenTestLoop`.
        fp16: Extract features under autocast.

    Raises:
        ValueError: There is no such layer, images have several labels, or a
            class has fewer than two training images.
    """

    _what = 'layers'

    def __init__(
        self,
        runner,
        dataloader: DataLoader | dict,
        evaluator: list | None = None,
        layers: Sequence[str] | None = None,
        penalties: Sequence[float] = (1e-2, 1e-3, 1e-4, 1e-5),
        bank_dataloader: dict | None = None,
        fp16: bool = False,
    ) -> None:
        self.penalties = several('penalties', penalties)
        for penalty in self.penalties:
            require_number('penalties', penalty, above=0)
        for name in layers or ():
            require_text('layers', name)
        super().__init__(runner, dataloader, evaluator, bank_dataloader, fp16)
        backbone = model_of(runner).backbone
        self.parts = chosen_parts(backbone, layers)
        self.widths: dict[str, int] = {}

    def check(self, train: Targets, test: Targets) -> None:
        require_single(train, 'a linear probe')
        require_classes(train, 2, 'a probe', 'a probe needs')

    def vectors(self, batch: dict) -> tuple[Tensor, list]:
        """Of all layers, side by side."""
        backbone = model_of(self.runner).backbone
        with listening(backbone, self.parts) as heard:
            output, samples = super().vectors(batch)
        found = {**heard, OUTPUT: output}
        self.widths = {name: x.shape[1] for name, x in found.items()}
        return torch.cat(list(found.values()), 1), samples

    def measure(
        self, train: Tensor, y_train: Targets, test: Tensor, y_test: Targets
    ) -> dict[str, float]:
        device = next(self.runner.model.parameters()).device
        labels = torch.from_numpy(y_train.labels)
        wanted = torch.from_numpy(y_test.labels)
        widths = list(self.widths.values())
        both = zip(train.split(widths, 1), test.split(widths, 1), strict=True)
        metrics, last = {}, None
        for name, (ours, theirs) in zip(self.widths, both, strict=True):
            if name == OUTPUT and same(last, ours):
                break
            last = ours
            ours, theirs = standardised(ours.to(device), theirs.to(device))
            found, penalty = best_logistic(
                ours,
                labels,
                1 + int(labels.max()),
                self.penalties,
                self.runner.seed,
            )
            right = (found.predict(theirs) == wanted).double().mean()
            metrics[f'{name}/accuracy/top1'] = 100 * float(right)
            self.runner.logger.info(
                f'{name}: {ours.shape[1]} numbers, penalty {penalty:g}: '
                f'{100 * right:.2f} %'
            )
        return metrics


def same(one: Tensor | None, other: Tensor) -> bool:
    """Equal but for rounding."""
    if one is None or one.shape != other.shape:
        return False
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def standardised(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Mean 0 and variance 1 in ``train``; what is constant becomes 0."""
    mean, spread = train.mean(0), train.std(0)
    scale = torch.where(spread > 1e-7 * mean.abs().max(), 1 / spread, 0)
    return (train - mean) * scale, (test - mean) * scale
