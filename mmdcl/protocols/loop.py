"""A test loop that measures frozen features of two sets of images."""

from abc import abstractmethod

import numpy as np
import torch
from mmengine.runner import TestLoop
from torch import Tensor
from torch.utils.data import DataLoader

from ..engine.bank import BankEvaluation
from ..engine.features import forward_batch
from ..engine.model import model_of
from ..errors import UserValueError
from .targets import Targets, read_targets


class FrozenTestLoop(BankEvaluation, TestLoop):
    """Features of training images, the bank, and of test images, measured.

    The metrics are the protocol's own: ``test_evaluator`` is an empty list.
    It works in one process.

    Args:
        runner: The runner.
        dataloader: Of the test images.
        evaluator: ``[]``.
        bank_dataloader: Config of a dataloader for the training images.
            Default: the train dataset under the pipeline of the test images.
        fp16: Extract features under autocast.

    Raises:
        ValueError: There is an evaluator, several processes, or no bank can
            be derived from the config.
    """

    _mode, _query_cfg = 'test', 'test_dataloader'

    def __init__(
        self,
        runner,
        dataloader: DataLoader | dict,
        evaluator: list | None = None,
        bank_dataloader: dict | None = None,
        fp16: bool = False,
    ) -> None:
        super().__init__(
            runner, dataloader, evaluator or [], bank_dataloader, fp16
        )
        if self.evaluator.metrics:
            kinds = [type(x).__name__ for x in self.evaluator.metrics]
            raise UserValueError(
                f'{type(self).__name__} has metrics of its own, but '
                f'test_evaluator is {", ".join(kinds)}; set test_evaluator=[]'
            )

    @abstractmethod
    def check(self, train: Targets, test: Targets) -> None:
        """Refuse labels that cannot be measured, before minutes of work."""

    @abstractmethod
    def measure(
        self, train: Tensor, y_train: Targets, test: Tensor, y_test: Targets
    ) -> dict[str, float]:
        """The metrics.

        Args:
            train: ``(N, D)`` features of training images, on the host.
            y_train: Their labels.
            test: ``(Q, D)`` features of test images.
            y_test: Their labels.
        """

    @torch.no_grad()
    def run(self) -> dict[str, float]:
        """Read labels, check them, extract, measure; returns the metrics."""
        self.runner.call_hook('before_test')
        self.runner.call_hook('before_test_epoch')
        self.runner.model.eval()
        loaders = self.bank_loader, self.dataloader
        if any(len(x.sampler) < len(x.dataset) for x in loaders):
            raise UserValueError(
                f'{type(self).__name__} works in one process; leave out '
                '--gpus and --launcher'
            )
        train = read_targets(loaders[0].dataset, 'training images')
        test = read_targets(loaders[1].dataset, 'test images')
        if train.several != test.several:
            raise UserValueError(
                'training and test images must both have one label, or both '
                'a list of them; training images have '
                f'{"a list" if train.several else "one"}'
            )
        self.check(train, test)
        bank, _, numbers = self.bank_features()
        train = train._replace(labels=train.labels[np.asarray(numbers)])
        queries, _ = self.query_features()
        metrics = self.measure(bank, train, queries, test)
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics

    def vectors(self, batch: dict) -> tuple[Tensor, list]:
        """``(B, D)`` features of a batch, and what its images are."""
        model = model_of(self.runner)
        return forward_batch(model, batch, self.fp16, self._what)

    def _features(self, batch: dict) -> tuple[Tensor, Tensor, list]:
        features, samples = self.vectors(batch)
        places = [sample.get('sample_idx') for sample in samples]
        # Labels are known already, and images may have several.
        return features.cpu(), torch.zeros(len(features)), places
