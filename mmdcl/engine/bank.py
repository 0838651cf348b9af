"""Features of labelled images, to judge others by: what evaluations share."""

import time
from copy import deepcopy

import torch
from mmengine.dataset import BaseDataset
from torch import Tensor
from torch.utils.data import DataLoader

from ..arguments import require_flag
from ..errors import UserOSError, UserValueError
from .agreement import agree
from .channel_check import check_channels
from .class_check import check_classes
from .features import batch_features, replaced
from .model import model_of

_SECONDS_BETWEEN_LINES = 20
_STACKED = dict(type='default_collate')  # unless the config says otherwise


class BankEvaluation:
    """What evaluations of frozen features share, in front of a loop.

    Features of the bank (training images, without augmentation) and of the
    queries come from ``extract_feat``, so any upstream self-supervised
    algorithm or classifier will do. Each rank extracts its share and keeps it
    in host memory.

    Args:
        runner: The runner.
        dataloader: Of the queries.
        evaluator: As the loop takes it.
        bank_dataloader: Config of a dataloader for the bank. Default: the
            train dataset under the pipeline of the queries.
        fp16: Extract features under autocast.

    Raises:
        TypeError: An argument is of another type than above.
        ValueError: No bank can be derived from the config.
    """

    _mode: str  # of the runner: 'val' or 'test'
    _query_cfg: str
    _what = 'kNN'  # in messages

    def __init__(
        self,
        runner,
        dataloader: DataLoader | dict,
        evaluator,
        bank_dataloader: dict | None = None,
        fp16: bool = False,
    ) -> None:
        require_flag('fp16', fp16)
        if isinstance(dataloader, dict):
            dataloader = {'collate_fn': _STACKED, **dataloader}
        super().__init__(runner, dataloader, evaluator, fp16)
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
        """Refuse a bank that is too small.

        Args:
            images: How many it has.
        """

    def _derive_bank(self) -> dict:
        cfg = self.runner.cfg
        bank, query = cfg.get('train_dataloader'), cfg.get(self._query_cfg)
        query = query or cfg.get('val_dataloader')
        try:
            pipeline = query['dataset']['pipeline']
            dataset = _with_pipeline(bank['dataset'], pipeline)
        except (TypeError, KeyError) as error:
            raise UserValueError(
                f'{self._what} needs a bank of labelled training images, and '
                'cannot derive it from the config: '
                f'`train_dataloader.dataset` or `{self._query_cfg}.dataset` '
                'is missing or has no `pipeline`. Give `bank_dataloader` in '
                f'`{self._mode}_cfg`'
            ) from error
        size = query.get('batch_size', bank.get('batch_size'))
        return {**bank, 'dataset': dataset, 'batch_size': size}

    def bank_features(self) -> tuple[Tensor, Tensor, Tensor]:
        """Features, labels and numbers in the dataset, which decide ties."""
        loader, logger = self.bank_loader, self.runner.logger
        batches, said = [], time.monotonic()
        for i, batch in enumerate(loader):
            batches.append(self._features(batch))
            self.runner.call_hook('after_bank_iter', batch_idx=i)
            if time.monotonic() - said > _SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                logger.info(f'{self._what} bank [{i + 1}/{len(loader)}]')
        if not batches:
            raise UserValueError(
                f'the {self._what} bank has fewer images than there are '
                'processes'
            )
        features, labels, places = _stack(batches)
        numbers = torch.tensor(list(loader.sampler), dtype=torch.long)
        left_out = {
            'that cannot be read': replaced(loader, places),
            'whose features are NaN or infinite': _not_finite(features),
        }
        keep = labels >= 0  # half-labelled images say -1
        for why, bad in left_out.items():
            keep[bad] = False
            if bad:
                first = _name(loader, bad[0])
                logger.warning(
                    f'{self._what} bank: left out {len(bad)} images {why}, '
                    f'the first is {first}'
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
    if 'dataset' in dataset:
        inner = _with_pipeline(dataset['dataset'], pipeline)
        # Others repeat or balance: a bank does neither.
        few = str(dataset.get('type')).endswith('FewLabels')
        return {**dataset, 'dataset': inner} if few else inner
    if 'pipeline' not in dataset:
        raise KeyError('pipeline')
    return {**dataset, 'pipeline': deepcopy(pipeline)}
