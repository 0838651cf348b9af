"""One label for one class, in every dataset of a run."""

import logging
from collections.abc import Iterator
from typing import Any

from mmengine.logging import print_log

from ..errors import UserValueError, few


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
    for (first, kind, labels), (other, its_kind, theirs) in zip(
        parts[:1] * len(parts), parts, strict=True
    ):
        common = labels.keys() & theirs.keys()
        if theirs == labels or (
            not common and (kind, its_kind) != ('folders', 'folders')
        ):
            continue
        missing = set(labels) - set(theirs)
        extra = set(theirs) - set(labels)
        consistent = all(labels[name] == theirs[name] for name in common)
        said = ', and '.join(
            [f'lacks {few(missing)}'] * bool(missing)
            + [f'has {few(extra)} that {first} lacks'] * bool(extra)
        )
        said = f'{other} {said or "has the same in another order"}'
        if consistent and not extra:
            print_log(
                f'{said}, of {len(labels)} classes of {first}; labels agree',
                'current',
                logging.WARNING,
            )
            continue
        raise UserValueError(
            f'{first} ({len(labels)} classes) and {other} ({len(theirs)}) '
            f'number their {kind} differently: {said}. Complete or rename '
            "the folders, or give both type='mmdcl.CustomDataset' and the "
            'same metainfo=dict(classes=[...]), which labels then follow'
        )
