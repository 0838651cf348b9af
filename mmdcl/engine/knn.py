"""kNN evaluation as a loop: ``val_cfg=dict(type='mmdcl.KNNValLoop')``."""

from collections.abc import Sequence

import torch
from mmengine.runner import TestLoop, ValLoop
from torch import Tensor
from torch.utils.data import DataLoader

from ..arguments import require_number, require_whole
from ..errors import UserValueError
from ..functional import (
    gather_without_gradient,
    nearest,
    stream_rows,
    vote,
)
from ..registry import LOOPS
from .bank import BankEvaluation


class KNNEvaluation(BankEvaluation):
    """What validation and test share.

    Search streams the bank over the model's device in tiles. The result is
    exact whatever the number of ranks or the size of the bank.

    Args:
        runner: The runner.
        dataloader: Of the images to classify.
        evaluator: For instance ``dict(type='Accuracy')``; it receives
            ``pred_score`` and ``gt_label``.
        k: How many neighbours vote. With one number metrics keep the names
            of the evaluator (``accuracy/top1``); with several each is
            evaluated, as ``k20/accuracy/top1``, in the order given.
        temperature: Of the vote, > 0.
        bank_dataloader: Config of a dataloader for the bank. Default: the
            train dataset under the pipeline of the images to classify.
        fp16: Extract features under autocast.

    Raises:
        TypeError: An argument is of another type than above.
        ValueError: ``k`` or ``temperature`` is not positive, or no bank can
            be derived from the config, or it has fewer images than ``k``.
    """

    def __init__(
        self,
        runner,
        dataloader: DataLoader | dict,
        evaluator,
        k: int | Sequence[int] = 20,
        temperature: float = 0.07,
        bank_dataloader: dict | None = None,
        fp16: bool = False,
    ) -> None:
        ks = list(k) if isinstance(k, (list, tuple)) else [k]
        for number in ks or [0]:
            require_whole('k', number)
        require_number('temperature', temperature, above=0)
        super().__init__(runner, dataloader, evaluator, bank_dataloader, fp16)
        self.ks = ks
        self.named = isinstance(k, (list, tuple))
        self.temperature = temperature

    def _check_bank(self, images: int) -> None:
        if (k := max(self.ks)) > images:
            raise UserValueError(
                f'`{self._mode}_cfg.k` asks for {k} neighbours, but the '
                f'bank has {images} images'
            )

    @torch.no_grad()
    def run(self) -> dict:
        """Extract, search, vote, evaluate; returns the metrics.

        Hooks with a method ``after_query_features(runner, features, labels,
        numbers, metrics)`` get this process's share of what was classified,
        on the host, with numbers in the dataset, and may add to the metrics.
        """
        call_hook, mode = self.runner.call_hook, self._mode
        call_hook(f'before_{mode}')
        call_hook(f'before_{mode}_epoch')
        self.runner.model.eval()
        bank = self.bank_features()
        queries, labels = self.query_features()
        predictions = self._predict(queries, labels, *bank)
        metrics: dict = {}
        for k, scores in predictions.items():
            self.evaluator.process(
                [
                    dict(pred_score=score, gt_label=label)
                    for score, label in zip(
                        scores, labels[:, None], strict=True
                    )
                ]
            )
            values = self.evaluator.evaluate(len(self.dataloader.dataset))
            prefix = f'k{k}/' if self.named else ''
            metrics |= {prefix + name: v for name, v in values.items()}
        numbers = torch.tensor(list(self.dataloader.sampler))[: len(labels)]
        call_hook(
            'after_query_features',
            features=queries,
            labels=labels,
            numbers=numbers,
            metrics=metrics,
        )
        call_hook(f'after_{mode}_epoch', metrics=metrics)
        call_hook(f'after_{mode}')
        return metrics

    def _predict(
        self,
        queries: Tensor,
        query_labels: Tensor,
        bank: Tensor,
        bank_labels: Tensor,
        bank_numbers: Tensor,
    ) -> dict[int, Tensor]:
        device = next(self.runner.model.parameters()).device
        local = torch.stack([query_labels.max(), bank_labels.max()])
        metainfo = getattr(self.dataloader.dataset, 'metainfo', {})
        num_classes = max(
            int(gather_without_gradient(local.to(device)).max()) + 1,
            len(metainfo.get('classes') or ()),
        )
        numbers = gather_without_gradient(bank_numbers.to(device))
        self._check_bank(len(numbers))
        cosines, neighbors = nearest(
            queries.to(device),
            stream_rows(bank, bank_numbers, device=device),
            max(self.ks),
        )
        labels = torch.empty(
            len(self.bank_loader.dataset), dtype=torch.long, device=device
        )
        labels[numbers] = gather_without_gradient(bank_labels.to(device))
        labels = labels[neighbors]
        return {
            k: vote(
                cosines[:, :k], labels[:, :k], num_classes, self.temperature
            ).cpu()
            for k in self.ks
        }


@LOOPS.register_module()
class KNNValLoop(KNNEvaluation, ValLoop):
    """Validation by kNN; arguments as in :class:`KNNEvaluation`."""

    _mode, _query_cfg = 'val', 'val_dataloader'


@LOOPS.register_module()
class KNNTestLoop(KNNEvaluation, TestLoop):
    """Test by kNN; arguments as in :class:`KNNEvaluation`."""

    _mode, _query_cfg = 'test', 'test_dataloader'
