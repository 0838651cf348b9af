"""Stop before a benchmark at data that it cannot use, and say why."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from ..engine.evaluation_images import shared_images
from ..errors import UserValueError, few
from .categories import check_categories
from .probing import check_image

_HEADS = ('head', 'roi_head', 'bbox_head', 'mask_head', 'decode_head')
_HEADS += ('auxiliary_head',)
PARTS = ('train_dataloader', 'test_dataloader')


def check_parts(cfg: Config, *others: str) -> None:
    """Stop at a config that lacks what an evaluation needs.

    Raises:
        ValueError: It lacks it.
    """
    for name in (*PARTS, 'test_evaluator', *others):
        # A loop with metrics of its own has an empty list of evaluators.
        if not cfg.get(name) and cfg.get(name) != []:
            raise UserValueError(
                f'{cfg.filename} has no {name} (it is '
                f'{cfg.get(name)}), and an evaluation needs it'
            )
    for name in PARTS:
        if not cfg[name].get('dataset'):
            raise UserValueError(f'{cfg.filename} has no {name}.dataset')


def check_labels(cfg: Config, classifier: bool = True) -> None:
    """Stop at a split without images or labels, or of other classes.

    Args:
        cfg: Of the benchmark.
        classifier: The heads of the model are used; kNN uses none.

    Raises:
        ValueError: A split is not as it must be.
    """
    built = []
    for name in PARTS:
        where = f'{name}.dataset ({cfg[name].dataset.type})'
        if classifier:
            check_categories(where, cfg[name].dataset)
        dataset = _build(where, cfg[name].dataset)
        if classifier:
            heads = dict(_num_classes(cfg.model, 'model'))
            for classes in _classes(dataset):
                wrong = {k: n for k, n in heads.items() if n != len(classes)}
                if wrong:
                    options = [f'{head}={len(classes)}' for head in wrong]
                    raise UserValueError(
                        f'{where} has {len(classes)} classes, but the model '
                        f'has {next(iter(wrong.values()))}; set '
                        f'--cfg-options {" ".join(options)}'
                    )
        if 'head' in cfg.model:
            number = cfg.model.head.get('num_classes') if classifier else None
            _check_image_labels(where, dataset, number)
            check_image(where, dataset[0].get('inputs'), cfg)
            built.append(dataset)
    both = shared_images(*built) if built else []
    if both:
        print(
            f'beware: {len(both):,} images are learnt from and tested on '
            f'({few(set(both))}), so that the result is too good'
        )


def _classes(dataset: BaseDataset) -> list[list[str]]:
    """Of each dataset in it; mmdet's concatenation has a list of them."""
    metainfo = getattr(dataset, 'metainfo', None) or {}
    each = metainfo if isinstance(metainfo, (list, tuple)) else [metainfo]
    return [info['classes'] for info in each if info.get('classes')]


def _build(where: str, config: dict) -> BaseDataset:
    try:
        dataset = DATASETS.build(config)
    except FileNotFoundError as error:
        if error.filename is None:  # mmdcl's own, which says more
            raise
        raise UserValueError(
            f'{where}: no {error.filename}; set the folder of the data '
            'by --data-root PATH'
        ) from error
    except AssertionError as error:  # so upstream counts folders of classes
        raise UserValueError(f'{where}: {error}') from error
    except ValueError as error:
        if 'at least one array' in str(error):  # mmengine packs nothing
            classes = (config.get('metainfo') or {}).get('classes')
            of = f', or none with an object of {classes}' if classes else ''
            raise UserValueError(
                f'{where} is empty: it has no image{of}'
            ) from error
        raise
    has_info = hasattr(dataset, 'get_data_info')
    first = dataset.get_data_info(0) if has_info else dataset[0]
    path = first.get('img_path')
    if path and '://' not in path and not Path(path).is_file():
        raise UserValueError(
            f'{where}: no image {path}; set the folder of the data by '
            '--data-root PATH'
        )
    return dataset


def _num_classes(config: Any, path: str) -> Iterator[tuple[str, int]]:
    """Where a model says how many classes it has."""
    if isinstance(config, (list, tuple)):
        for i, value in enumerate(config):
            yield from _num_classes(value, f'{path}.{i}')
    elif isinstance(config, dict):
        if config.get('num_classes'):
            yield f'{path}.num_classes', config['num_classes']
        for name in _HEADS:
            yield from _num_classes(config.get(name), f'{path}.{name}')


def _check_image_labels(
    where: str, dataset: BaseDataset, classes: int | None
) -> None:
    labels = [
        dataset.get_data_info(i).get('gt_label') for i in range(len(dataset))
    ]
    if any(label is None for label in labels):
        raise UserValueError(
            f'{where} has images without labels; this protocol needs '
            'them (`with_label=True`, or an `ann_file` with labels)'
        )
    if not classes:
        return
    counts = Counter(labels)
    single = [label for label, count in counts.items() if count == 1]
    if where.startswith('train_') and len(single) < len(counts):
        _name_single(where, single, _classes(dataset))
    if len(set(labels)) < classes:
        print(
            f'beware: {where} has images of {len(set(labels))} of {classes} '
            'classes only (`indices` takes the first images)'
        )
    if max(labels) >= classes:
        raise UserValueError(
            f'{where} has label {max(labels)}, but the classifier has '
            f'{classes} classes; set --cfg-options '
            f'model.head.num_classes={max(labels) + 1}'
        )


def _name_single(
    where: str, labels: list[int], classes: list[list[str]]
) -> None:
    names = classes[0] if classes else ()
    if labels and max(labels) < len(names):
        print(
            f'beware: {where} has one image only of '
            + few({str(names[label]) for label in labels})
        )
