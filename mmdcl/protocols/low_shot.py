"""SVMs on a few images of each class: ``--protocol low-shot``."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader

from ..arguments import require_whole, several
from ..errors import UserValueError
from ..registry import LOOPS
from .average_precision import precisions
from .loop import FrozenTestLoop
from .machines import (
    POSITIVES_TWICE,
    counted_warnings,
    machine,
    require_costs,
    require_sklearn,
    unit_rows,
)
from .targets import Targets, require_positives

SHOTS = (1, 2, 4, 8, 16, 32, 64, 96)


def draw_shots(
    targets: np.ndarray, shots: int, seed: Sequence[int]
) -> Iterator[np.ndarray]:
    """For each class, places of the images that its machine is trained on.

    Args:
        targets: ``(N, C)`` of 1, 0 and -1.
        shots: ``k`` positives, and ``k (C - 1)`` others, or all there are.
        seed: Numbers that stand for the draw.

    Yields:
        ``(k + others,)`` places, for class after class.
    """
    count = targets.shape[1]
    generator = np.random.default_rng(seed)
    for column in targets.T:
        positives = generator.permutation(np.flatnonzero(column == 1))
        others = generator.permutation(np.flatnonzero(column == 0))
        many = shots * (count - 1)
        yield np.concatenate([positives[:shots], others[:many]])


@LOOPS.register_module()
class LowShotTestLoop(FrozenTestLoop):
    """SVMs on ``k`` positives of each class, and mean AP over all classes.

    VISSL's and mmselfsup's low-shot protocol on VOC07 (Goyal et al., ICCV
    2019, arXiv 1905.01235): ``k`` positives and ``k (C - 1)`` others a class,
    five draws, their mean and standard deviation. There the cost is chosen by
    the test images, ``k1/mAP_best_cost`` here; ``k1/mAP`` is at the first of
    ``costs``, fixed before. Draws are ours, by ``randomness.seed``. What else
    differs: :class:`mmdcl.protocols.SVMTestLoop`. Of images with one label,
    each class is told from all others.

    Args:
        runner: The runner.
        dataloader: Of the test images.
        evaluator: ``[]``.
        shots: ``k``, one or several.
        samples: Draws for each of them.
        costs: ``C``, > 0. The first is the one that counts.
        bank_dataloader: As for :class:`FrozenTestLoop`.
        fp16: Extract features under autocast.

    Raises:
        ValueError: An argument is out of bounds, or a class has fewer images
            than ``shots`` asks for.
        ModuleNotFoundError: scikit-learn is not installed.
    """

    _what = 'low-shot'

    def __init__(
        self,
        runner,
        dataloader: DataLoader | dict,
        evaluator: list | None = None,
        shots: Sequence[int] = SHOTS,
        samples: int = 5,
        costs: Sequence[float] = (1.0, 0.1, 10.0, 100.0),
        bank_dataloader: dict | None = None,
        fp16: bool = False,
    ) -> None:
        require_sklearn()
        self.costs = require_costs(costs)
        self.shots = several('shots', shots)
        for number in self.shots:
            require_whole('shots', number)
        require_whole('samples', samples)
        self.samples = samples
        super().__init__(runner, dataloader, evaluator, bank_dataloader, fp16)

    def check(self, train: Targets, test: Targets) -> None:
        ours, theirs = _both(train, test)
        if ours.labels.shape[1] < 2:
            raise UserValueError(
                'low-shot tells classes apart, but there is one class only'
            )
        require_positives(theirs)
        counts = (ours.labels == 1).sum(0)
        few = int(counts.argmin())
        if counts[few] < max(self.shots):
            raise UserValueError(
                f'{max(self.shots)} shots need as many training images of '
                f'each class, but {train.name(few)} has {counts[few]}; set '
                '--cfg-options test_cfg.shots=[1,2,4], say'
            )

    def measure(
        self, train: Tensor, y_train: Targets, test: Tensor, y_test: Targets
    ) -> dict[str, float]:
        ours, theirs = _both(y_train, y_test)
        rows, queries = unit_rows(train), unit_rows(test)
        metrics = {}
        with counted_warnings():
            for k in self.shots:
                found = np.array(
                    [
                        self._sample(
                            rows, ours.labels, queries, theirs.labels, k, i
                        )
                        for i in range(self.samples)
                    ]
                )
                means, spread = found.mean(0), found.std(0)
                metrics[f'k{k}/mAP'] = float(means[0])
                metrics[f'k{k}/std'] = float(spread[0])
                metrics[f'k{k}/mAP_best_cost'] = float(means.max())
                self.runner.logger.info(
                    f'low-shot: {k} of each class: mAP {means[0]:.2f} '
                    f'± {spread[0]:.2f}'
                )
        return metrics

    def _sample(
        self,
        rows: np.ndarray,
        ours: np.ndarray,
        queries: np.ndarray,
        theirs: np.ndarray,
        shots: int,
        number: int,
    ) -> np.ndarray:
        """``(costs,)`` mean AP of one draw, in percent."""
        seed = self.runner.seed
        found = np.zeros((len(self.costs), ours.shape[1]))
        drawn = draw_shots(ours, shots, (seed, number, shots))
        for label, places in enumerate(drawn):
            for i, cost in enumerate(self.costs):
                trained = machine(cost, seed, POSITIVES_TWICE).fit(
                    rows[places], ours[places, label]
                )
                scores = trained.decision_function(queries)
                found[i, label] = precisions(scores, theirs[:, label])[0]
        return 100 * found.mean(1)


def _both(train: Targets, test: Targets) -> tuple[Targets, Targets]:
    """One classifier a class, of images with one label, too."""
    if train.several:
        return train, test
    count = 1 + int(max(train.labels.max(), test.labels.max()))
    ours, theirs = (
        (x.labels[:, None] == np.arange(count)).astype(np.int64)
        for x in (train, test)
    )
    return train._replace(labels=ours), test._replace(labels=theirs)
