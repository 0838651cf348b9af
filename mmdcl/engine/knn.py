"""kNN evaluation as a loop: ``val_cfg=dict(type='mmdcl.KNNValLoop')``."""

import time
from collections.abc import Sequence
from copy import deepcopy

import torch
from mmengine.dataset import BaseDataset
from mmengine.model import is_model_wrapper
from mmengine.runner import TestLoop, ValLoop
from mmengine.runner.amp import autocast
from torch import Tensor
from torch.utils.data import DataLoader

from ..functional import gather, nearest, stream_rows, vote
from ..registry import LOOPS

_SECONDS_BETWEEN_LINES = 20


def image_features(outputs: object) -> Tensor:
    """One feature vector an image, from whatever a backbone returns.

    Args:
        outputs: A tensor, or a tuple or list of which the last counts:
            ``(B, D)`` as is, ``(B, D, H, W)`` and ``(B, L, D)`` averaged
            over positions or tokens.

    Returns:
        ``(B, D)`` in float32.

    Raises:
        TypeError: It is something else.
    """
    last = outputs
    while isinstance(last, (tuple, list)) and last:
        last = last[-1]
    if isinstance(last, Tensor) and last.ndim in (2, 3, 4):
        if last.ndim == 4:
            last = last.mean((2, 3))
        elif last.ndim == 3:
            last = last.mean(1)
        return last.float()
    got = tuple(last.shape) if isinstance(last, Tensor) else type(last)
    raise TypeError(
        'kNN needs features (B, D), (B, D, H, W) or (B, L, D) from the '
        f"model's `extract_feat`, got {got}"
    )


class _KNN:
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
        ValueError: ``k`` or ``temperature`` is not positive, or no bank can
            be derived from the config.
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
        ks = [k] if isinstance(k, int) else list(k)
        if not ks or min(ks) < 1:
            raise ValueError(f'`k` must be one or more numbers >= 1, got {k}')
        if not temperature > 0:
            raise ValueError(f'`temperature` must be > 0, got {temperature}')
        super().__init__(runner, dataloader, evaluator, fp16)
        self.ks = ks
        self.named = not isinstance(k, int)
        self.temperature = temperature
        self._bank_cfg = bank_dataloader
        self._bank_loader: DataLoader | None = None

    @property
    def bank_loader(self) -> DataLoader:
        """Dataloader of the bank, built when first needed."""
        if self._bank_loader is None:
            cfg = self._bank_cfg or self._derive_bank()
            cfg = {**deepcopy(cfg), 'drop_last': False}
            cfg.pop('batch_sampler', None)
            cfg['sampler'] = dict(
                type='DefaultSampler', shuffle=False, round_up=False
            )
            cfg.setdefault('collate_fn', dict(type='default_collate'))
            self._bank_loader = self.runner.build_dataloader(cfg)
        return self._bank_loader

    def _derive_bank(self) -> dict:
        cfg = self.runner.cfg
        bank, query = cfg.get('train_dataloader'), cfg.get(self._query_cfg)
        query = query or cfg.get('val_dataloader')
        try:
            pipeline = query['dataset']['pipeline']
            bank['dataset']['pipeline']
        except (TypeError, KeyError) as error:
            raise ValueError(
                'kNN needs a bank of labelled training images, and '
                'cannot derive it: `train_dataloader.dataset.pipeline` or '
                f'`{self._query_cfg}.dataset.pipeline` is not in the config. '
                f'Give `bank_dataloader` in `{self._mode}_cfg`'
            ) from error
        bank = dict(deepcopy(bank))
        bank['dataset'] = dict(bank['dataset'], pipeline=deepcopy(pipeline))
        bank['batch_size'] = query.get('batch_size', bank.get('batch_size'))
        return bank

    @torch.no_grad()
    def run(self) -> dict:
        """Extract, search, vote, evaluate; returns the metrics."""
        call_hook, mode = self.runner.call_hook, self._mode
        call_hook(f'before_{mode}')
        call_hook(f'before_{mode}_epoch')
        self.runner.model.eval()
        bank, bank_labels = self._extract(self.bank_loader, is_bank=True)
        queries, labels = self._extract(self.dataloader, is_bank=False)
        predictions = self._predict(queries, bank, bank_labels)
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
            found = self.evaluator.evaluate(len(self.dataloader.dataset))
            prefix = f'k{k}/' if self.named else ''
            metrics |= {prefix + name: v for name, v in found.items()}
        call_hook(f'after_{mode}_epoch', metrics=metrics)
        call_hook(f'after_{mode}')
        return metrics

    def _predict(
        self, queries: Tensor, bank: Tensor, bank_labels: Tensor
    ) -> dict[int, Tensor]:
        device = next(self.runner.model.parameters()).device
        num_classes = int(gather(bank_labels.to(device)).max()) + 1
        cosines, labels = nearest(
            queries.to(device),
            stream_rows(bank, bank_labels, device=device),
            max(self.ks),
        )
        return {
            k: vote(
                cosines[:, :k], labels[:, :k], num_classes, self.temperature
            ).cpu()
            for k in self.ks
        }

    def _extract(
        self, loader: DataLoader, is_bank: bool
    ) -> tuple[Tensor, Tensor]:
        model = self.runner.model
        if is_model_wrapper(model):
            model = model.module
        features, labels, indices = [], [], []
        said, mode = time.monotonic(), self._mode
        for i, batch in enumerate(loader):
            if not is_bank:
                self.runner.call_hook(
                    f'before_{mode}_iter', batch_idx=i, data_batch=batch
                )
            with autocast(enabled=self.fp16):
                data = model.data_preprocessor(batch, False)
                outputs = model.extract_feat(data['inputs'])
            features.append(image_features(outputs).cpu())
            for sample in data['data_samples'] or ():
                if 'gt_label' not in sample:
                    raise ValueError(
                        'kNN needs labelled images, but dataset '
                        f'{type(loader.dataset).__name__} gives none; set '
                        '`with_label=True` or choose a labelled dataset'
                    )
                labels.append(sample.gt_label.cpu())
                indices.append(sample.get('sample_idx'))
            if not is_bank:
                self.runner.call_hook(
                    f'after_{mode}_iter',
                    batch_idx=i,
                    data_batch=batch,
                    outputs=data['data_samples'],
                )
            elif time.monotonic() - said > _SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                self.runner.logger.info(f'kNN bank [{i + 1}/{len(loader)}]')
        found = torch.cat(features), torch.cat(labels)
        return self._drop_refetched(loader, indices, is_bank, *found)

    def _drop_refetched(
        self,
        loader: DataLoader,
        indices: list,
        is_bank: bool,
        features: Tensor,
        labels: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Undo upstream's replacement of unreadable images by random ones."""
        in_order = getattr(loader.sampler, 'shuffle', None) is False
        if not (in_order and isinstance(loader.dataset, BaseDataset)):
            return features, labels
        if None in indices:
            return features, labels
        asked_and_got = list(zip(loader.sampler, indices, strict=False))
        bad = [asked for asked, got in asked_and_got if asked != got]
        if not bad:
            return features, labels
        if not is_bank:
            info = loader.dataset.get_data_info(bad[0])
            raise OSError(
                f'{len(bad)} of the images to classify cannot be read, the '
                f'first is {info.get("img_path", bad[0])}; the accuracy '
                'would not be comparable. Repair or remove them'
            )
        self.runner.logger.warning(
            f'kNN bank: left out {len(bad)} images that cannot be read'
        )
        keep = torch.tensor([asked == got for asked, got in asked_and_got])
        return features[keep], labels[keep]


@LOOPS.register_module()
class KNNValLoop(_KNN, ValLoop):
    __doc__ = 'kNN accuracy during training. ' + (_KNN.__doc__ or '')
    _mode, _query_cfg = 'val', 'val_dataloader'


@LOOPS.register_module()
class KNNTestLoop(_KNN, TestLoop):
    __doc__ = 'kNN accuracy of a checkpoint. ' + (_KNN.__doc__ or '')
    _mode, _query_cfg = 'test', 'test_dataloader'
