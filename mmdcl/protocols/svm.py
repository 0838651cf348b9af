"""Linear SVMs on frozen features: ``mmdcl evaluate --protocol svm``."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader

from ..arguments import require_whole
from ..registry import LOOPS
from .average_precision import precisions
from .loop import FrozenTestLoop
from .machines import (
    POSITIVES_TWICE,
    choose_cost,
    counted_warnings,
    require_costs,
    require_sklearn,
    unit_rows,
)
from .targets import IGNORED, Targets, require_classes, require_positives

# mmselfsup's, and those it adds to any list.
COSTS = (1.0, 10.0, 100.0, *(0.5**i for i in range(4, 20)))


@LOOPS.register_module()
class SVMTestLoop(FrozenTestLoop):
    """Linear SVMs, their cost chosen on training images by cross-validation.

    Where images have several labels, a machine a class, as in VISSL and
    mmselfsup (Goyal et al., ICCV 2019, arXiv 1905.01235): features of length
    1, squared hinge, positives weighted twice, cost by 3-fold average
    precision; mean over classes of the area under the precision envelope, and
    of VOC's eleven points of 2007. Other than there, the features are the
    network's own, averaged over all positions (2048 numbers of a ResNet-50,
    there 8192), images of which a class is only seen with difficulty are left
    out of its training, not only of its test, and the solver is the primal
    one where that is faster.

    Where each image has one label: one machine against all others a class,
    one cost for all by 3-fold accuracy, no weights; top-1 accuracy.

    Args:
        runner: The runner.
        dataloader: Of the test images.
        evaluator: ``[]``.
        costs: ``C``, > 0, to choose from.
        folds: Of the cross-validation, >= 2.
        bank_dataloader: As for :class:`FrozenTestLoop`.
        fp16: Extract features under autocast.

    Raises:
        ValueError: An argument is out of bounds, or a class has fewer images
            than there are folds.
        ModuleNotFoundError: scikit-learn is not installed.
    """

    _what = 'SVM'

    def __init__(
        self,
        runner,
        dataloader: DataLoader | dict,
        evaluator: list | None = None,
        costs: Sequence[float] = COSTS,
        folds: int = 3,
        bank_dataloader: dict | None = None,
        fp16: bool = False,
    ) -> None:
        require_sklearn()
        self.costs = require_costs(costs)
        require_whole('folds', folds, least=2)
        self.folds = folds
        super().__init__(runner, dataloader, evaluator, bank_dataloader, fp16)

    def check(self, train: Targets, test: Targets) -> None:
        need = f'{self.folds} folds need'
        require_classes(train, self.folds, 'an SVM', need)
        if train.several:
            require_positives(test)

    def measure(
        self, train: Tensor, y_train: Targets, test: Tensor, y_test: Targets
    ) -> dict[str, float]:
        rows, queries = unit_rows(train), unit_rows(test)
        with counted_warnings() as caught:
            metrics = (
                self._average_precisions(rows, y_train, queries, y_test)
                if y_train.several
                else self._accuracy(rows, y_train, queries, y_test)
            )
        if caught:
            self.runner.logger.info(
                f'SVM: {len(caught)} warnings, such as: {caught[0].message}'
            )
        return metrics

    def _accuracy(
        self,
        rows: np.ndarray,
        y_train: Targets,
        queries: np.ndarray,
        y_test: Targets,
    ) -> dict[str, float]:
        seed = self.runner.seed
        found, cost = choose_cost(
            rows, y_train.labels, self.costs, self.folds, seed, 'accuracy'
        )
        self.runner.logger.info(f'SVM: cost {cost:g}')
        right = found.predict(queries) == y_test.labels
        return {'accuracy/top1': 100 * float(right.mean())}

    def _average_precisions(
        self,
        rows: np.ndarray,
        y_train: Targets,
        queries: np.ndarray,
        y_test: Targets,
    ) -> dict[str, float]:
        found = []
        for label, (ours, theirs) in enumerate(
            zip(y_train.labels.T, y_test.labels.T, strict=True)
        ):
            kept = ours != IGNORED
            best, cost = choose_cost(
                rows[kept],
                ours[kept],
                self.costs,
                self.folds,
                self.runner.seed,
                'average_precision',
                POSITIVES_TWICE,
            )
            scores = best.decision_function(queries)
            found.append(precisions(scores, theirs))
            self.runner.logger.info(
                f'SVM: {y_train.name(label)}, cost {cost:g}: '
                f'AP {100 * found[-1][0]:.2f}'
            )
        area, eleven = 100 * np.mean(found, axis=0)
        return {'mAP': float(area), 'mAP/11points': float(eleven)}
