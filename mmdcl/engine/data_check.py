"""What can be wrong with data that trains without an error."""

import logging
from collections.abc import Iterator
from typing import Any

import torch
from mmcv.transforms import LoadImageFromFile, Normalize
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmpretrain.datasets import CIFAR10

from ..registry import HOOKS

# Means of red, green and blue that configs have: ImageNet, CIFAR-10,
# CIFAR-100, CLIP. Others do not tell in which order they are.
_MEANS = (
    (123.675, 116.28, 103.53),
    (125.307, 122.961, 113.8575),
    (129.304, 124.07, 112.434),
    (122.771, 116.746, 104.094),
)
# Whose transforms leave the order of channels as it is.
_KNOWN = ('mmcv', 'mmpretrain', 'mmdcl')
_NAMED = 5


def leaves(dataset: Any) -> Iterator[Any]:
    """Datasets inside of whatever wraps them."""
    inner = getattr(dataset, 'datasets', None) or [
        getattr(dataset, 'dataset', None)
    ]
    for wrapped in inner:
        if wrapped is None:
            yield dataset
        else:
            yield from leaves(wrapped)


def _few(names: set[str]) -> str:
    first = sorted(names)[:_NAMED]
    more = len(names) - len(first)
    return ', '.join(first) + (f' and {more} more' if more else '')


def _labels(dataset: Any) -> tuple[str, dict[str, int]]:
    """What classes are called, and their labels; nothing if not known."""
    if not getattr(dataset, 'with_label', True):
        return '', {}
    if folders := getattr(dataset, 'folder_to_idx', None):
        return 'folders', dict(folders)
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    if not isinstance(classes, (list, tuple)):
        return '', {}
    return 'classes', {str(name): i for i, name in enumerate(classes)}


def check_classes(datasets: dict[str, Any]) -> None:
    """Refuse datasets that give a class different labels.

    Upstream numbers folders of classes in each dataset for itself, so that a
    folder that is missing or renamed in one shifts what follows.

    Args:
        datasets: By what messages shall call them. The first is the measure.

    Raises:
        ValueError: Labels differ, by the names of folders or of classes.
            Lists of classes without any name in common may be two languages.
    """
    parts = [
        (name, *_labels(leaf))
        for name, dataset in datasets.items()
        for leaf in leaves(dataset)
    ]
    parts = [part for part in parts if part[2]]
    for (first, kind, wanted), (other, its_kind, found) in zip(
        parts[:1] * len(parts), parts, strict=True
    ):
        common = wanted.keys() & found.keys()
        if found == wanted or (
            not common and (kind, its_kind) != ('folders', 'folders')
        ):
            continue
        missing = set(wanted) - set(found)
        extra = set(found) - set(wanted)
        consistent = all(wanted[name] == found[name] for name in common)
        said = ', and '.join(
            [f'lacks {_few(missing)}'] * bool(missing)
            + [f'has {_few(extra)} that {first} lacks'] * bool(extra)
        )
        said = f'{other} {said or "has the same in another order"}'
        if consistent and not extra:
            print_log(
                f'{said}, of {len(wanted)} classes of {first}; labels agree',
                'current',
                logging.WARNING,
            )
            continue
        raise ValueError(
            f'{first} ({len(wanted)} classes) and {other} ({len(found)}) '
            f'number their {kind} differently: {said}. Complete or rename '
            "the folders, or give both type='mmdcl.CustomDataset' and the "
            'same metainfo=dict(classes=[...]), which labels then follow'
        )


def _transforms(pipeline: Any) -> Iterator[Any]:
    """All of a pipeline, those of its views included."""
    found = getattr(pipeline, 'transforms', None)
    for transform in found if isinstance(found, list) else []:
        yield transform
        yield from _transforms(transform)
        for view in getattr(transform, 'pipelines', None) or []:
            yield from _transforms(view)


def channel_order(dataset: Any) -> str | None:
    """``'rgb'`` or ``'bgr'``, what a dataset gives; ``None`` if not sure."""
    order = 'rgb' if isinstance(dataset, CIFAR10) else None
    for transform in _transforms(getattr(dataset, 'pipeline', None)):
        if isinstance(transform, LoadImageFromFile):
            colour = transform.color_type == 'color'
            known = colour and transform.imdecode_backend != 'tifffile'
            order = 'bgr' if known else None
        elif hasattr(transform, 'channel_order'):
            order = transform.channel_order
        elif (
            isinstance(transform, Normalize)
            or type(transform).__module__.partition('.')[0] not in _KNOWN
        ):
            order = None
    return order


def _mean_order(preprocessor: Any) -> str | None:
    """Of which order the mean is; ``None`` if not sure."""
    mean = getattr(preprocessor, 'mean', None)
    if not isinstance(mean, torch.Tensor) or mean.numel() != 3:
        return None
    mean = mean.flatten().cpu()
    for known in map(torch.tensor, _MEANS):
        if (mean - known).abs().max() < 1:
            return 'rgb'
        if (mean - known.flip(0)).abs().max() < 1:
            return 'bgr'
    return None


def check_channels(model: Any, datasets: dict[str, Any]) -> None:
    """Compare the order of channels with what the model does to it.

    Args:
        model: With a ``data_preprocessor``.
        datasets: By what messages shall call them.

    Raises:
        ValueError: Datasets come in different orders.
    """
    orders = {
        name: order
        for name, dataset in datasets.items()
        for leaf in leaves(dataset)
        if (order := channel_order(leaf))
    }
    if len(set(orders.values())) > 1:
        said = ', '.join(f'{k} in {v.upper()}' for k, v in orders.items())
        raise ValueError(
            f'images come in different orders of channels: {said}. Add '
            "dict(type='mmdcl.ChannelOrder', order='rgb') after loading to "
            'each pipeline, with `to_rgb=False` in the data_preprocessor'
        )
    preprocessor = getattr(model, 'data_preprocessor', None)
    turned = getattr(
        preprocessor,
        '_channel_conversion',
        getattr(preprocessor, 'to_rgb', False),
    )
    mean = _mean_order(preprocessor)
    for name, order in orders.items():
        seen = order[::-1] if turned else order
        if mean and seen != mean:
            print_log(
                f'{name}: images are {order.upper()} and the '
                f'data_preprocessor {"turns" if turned else "leaves"} them, '
                f'but its mean and std are those of {mean.upper()}: set '
                f'data_preprocessor.to_rgb={not turned}',
                'current',
                logging.WARNING,
            )
            return


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Before the first step: classes and channels fit each other.

    Refuses datasets to train on, to validate on and for the kNN bank that
    number classes differently, or whose images come in different orders of
    channels; warns if images arrive as BGR under the mean of RGB or the other
    way round. Says nothing where it is not sure.

    Raises:
        ValueError: They do not fit.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner) -> None:
        model = runner.model
        datasets = {'train_dataloader': runner.train_dataloader.dataset}
        if loop := runner.val_loop:
            datasets['val_dataloader'] = loop.dataloader.dataset
            if getattr(loop, '_bank_cfg', None):
                datasets['bank_dataloader'] = loop.bank_loader.dataset
        check_classes(datasets)
        model = model.module if is_model_wrapper(model) else model
        check_channels(model, datasets)
