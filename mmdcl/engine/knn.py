"""kNN evaluation as a loop: ``val_cfg=dict(type='mmdcl.KNNValLoop')``."""

import time
from collections.abc import Sequence
from copy import deepcopy

import torch
from mmengine.dataset import BaseDataset
from mmengine.runner import TestLoop, ValLoop
from torch import Tensor
from torch.utils.data import DataLoader

from ..arguments import require_flag, require_number, require_whole
from ..errors import UserOSError, UserValueError
from ..functional import (
    gather_without_gradient,
    nearest,
    stream_rows,
    vote,
)
from ..registry import LOOPS
from .agreement import agree
from .channel_check import check_channels
from .class_check import check_classes
from .features import batch_features, replaced
from .model import model_of

_SECONDS_BETWEEN_LINES = 20
_STACKED = dict(type='default_collate')  # unless the config says otherwise


class KNNEvaluation:
    """What validation and test share.

    Features of the bank (training images, without augmentation) and of the
    queries come from ``extract_feat``, so any upstream self-supervised
    algorithm or classifier will do. Each rank extracts its share and keeps it
    in host memory; search streams the bank over the model's device in tiles.
    The result is exact whatever the number of ranks or the size of the bank.

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
        require_flag('fp16', fp16)
        if isinstance(dataloader, dict):
            dataloader = {'collate_fn': _STACKED, **dataloader}
        super().__init__(runner, dataloader, evaluator, fp16)
        self.ks = ks
        self.named = isinstance(k, (list, tuple))
        self.temperature = temperature
        self.bank_cfg = bank_dataloader
        self._bank_loader: DataLoader | None = None

    @property
    def bank_loader(self) -> DataLoader:
        """Dataloader of the bank, built when first needed."""
        if self._bank_loader is None:
            cfg = self.bank_cfg or self._derive_bank()
            cfg = {
                'collate_fn': _STACKED,
                **deepcopy(cfg),
                'drop_last': False,
                'persistent_workers': False,
                'sampler': dict(
                    type='DefaultSampler', shuffle=False, round_up=False
                ),
            }
            cfg.pop('batch_sampler', None)
            cfg.pop('num_batch_per_epoch', None)
            loader = self.runner.build_dataloader(cfg)
            datasets = {
                'bank': loader.dataset,
                'queries': self.dataloader.dataset,
            }
            check_classes(datasets)
            check_channels(model_of(self.runner), datasets)
            self._check_bank(len(loader.dataset))
            self._bank_loader = loader
        return self._bank_loader

    def _check_bank(self, images: int) -> None:
        if (k := max(self.ks)) > images:
            raise UserValueError(
                f'`{self._mode}_cfg.k` asks for {k} neighbours, but the '
                f'bank has {images} images'
            )

    def _derive_bank(self) -> dict:
        cfg = self.runner.cfg
        bank, query = cfg.get('train_dataloader'), cfg.get(self._query_cfg)
        query = query or cfg.get('val_dataloader')
        try:
            pipeline = query['dataset']['pipeline']
            dataset = _with_pipeline(bank['dataset'], pipeline)
        except (TypeError, KeyError) as error:
            raise UserValueError(
                'kNN needs a bank of labelled training images, and cannot '
                'derive it from the config: `train_dataloader.dataset` or '
                f'`{self._query_cfg}.dataset` is missing or has no '
                f'`pipeline`. Give `bank_dataloader` in `{self._mode}_cfg`'
            ) from error
        size = query.get('batch_size', bank.get('batch_size'))
        return {**bank, 'dataset': dataset, 'batch_size': size}

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

    def bank_features(self) -> tuple[Tensor, Tensor, Tensor]:
        """Features, labels and numbers in the dataset, which decide ties."""
        loader, logger = self.bank_loader, self.runner.logger
        batches, said = [], time.monotonic()
        for i, batch in enumerate(loader):
            batches.append(self._features(batch))
            self.runner.call_hook('after_bank_iter', batch_idx=i)
            if time.monotonic() - said > _SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                logger.info(f'kNN bank [{i + 1}/{len(loader)}]')
        if not batches:
            raise UserValueError(
                'the kNN bank has fewer images than there are processes'
            )
        features, labels, places = _stack(batches)
        numbers = torch.tensor(list(loader.sampler), dtype=torch.long)
        left_out = {
            'that cannot be read': replaced(loader, places),
            'whose features are NaN or infinite': _not_finite(features),
        }
        keep = torch.ones(len(places), dtype=torch.bool)
        for why, bad in left_out.items():
            keep[bad] = False
            if bad:
                first = _name(loader, bad[0])
                logger.warning(
                    f'kNN bank: left out {len(bad)} images {why}, the first '
                    f'is {first}'
                )
        return features[keep], labels[keep], numbers[keep]

    def query_features(self) -> tuple[Tensor, Tensor]:
        loader, mode = self.dataloader, self._mode
        if isinstance(loader.dataset, BaseDataset):
            # Else upstream raises at an unreadable image, without its name.
            loader.dataset.test_mode = False
        batches = []
        for i, batch in enumerate(loader):
            now = dict(batch_idx=i, data_batch=batch)
            self.runner.call_hook(f'before_{mode}_iter', **now)
            batches.append(self._features(batch))
            self.runner.call_hook(f'after_{mode}_iter', **now, outputs=[])
        features, labels, places = _stack(batches)
        problem = ''
        if bad := replaced(loader, places):
            problem = (
                f'{len(bad)} of the images to classify cannot be read, the '
                f'first is {_name(loader, bad[0])}; the accuracy '
                'would not be comparable. Repair or remove them'
            )
        elif bad := _not_finite(features):
            problem = (
                f'features of {len(bad)} of the images to classify are NaN or '
                f'infinite, the first is {_name(loader, bad[0])}. '
                'Look at the image and at the weights of the model'
            )
        agree(problem, UserOSError)
        return features, labels

    def _features(self, batch: dict) -> tuple[Tensor, Tensor, list]:
        return batch_features(model_of(self.runner), batch, self.fp16)


def _stack(batches: list[tuple[Tensor, Tensor, list]]) -> tuple:
    features, labels, places = zip(*batches, strict=True)
    return (
        torch.cat(features),
        torch.cat(labels),
        [p for q in places for p in q],
    )


def _not_finite(features: Tensor) -> list[int]:
    return (~features.isfinite().all(1)).nonzero()[:, 0].tolist()


def _name(loader: DataLoader, position: int) -> str:
    """What a user knows the image by that came at this position."""
    index = list(loader.sampler)[position]
    named = hasattr(loader.dataset, 'get_data_info')
    info = loader.dataset.get_data_info(index) if named else {}
    return info.get('img_path') or f'number {index}'


def _with_pipeline(dataset: dict, pipeline: list) -> dict:
    """A dataset's config with each image once, under another pipeline.

    Raises:
        KeyError: Something in it has no pipeline.
    """
    if 'datasets' in dataset:
        parts = [
            _with_pipeline(part, pipeline) for part in dataset['datasets']
        ]
        return {**dataset, 'datasets': parts}
    if 'dataset' in dataset:  # repeats or balances: a bank does neither
        return _with_pipeline(dataset['dataset'], pipeline)
    if 'pipeline' not in dataset:
        raise KeyError('pipeline')
    return {**dataset, 'pipeline': deepcopy(pipeline)}


@LOOPS.register_module()
class KNNValLoop(KNNEvaluation, ValLoop):
    """Validation by kNN; arguments as in :class:`KNNEvaluation`."""

    _mode, _query_cfg = 'val', 'val_dataloader'


@LOOPS.register_module()
class KNNTestLoop(KNNEvaluation, TestLoop):
    """Test by kNN; arguments as in :class:`KNNEvaluation`."""

    _mode, _query_cfg = 'test', 'test_dataloader'
