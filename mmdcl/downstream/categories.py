"""Classes of a detector's data, against the files of its annotations.

In COCO's format mmdet counts labels by the order of categories in each file,
whatever the order of ``classes``: one that is missing, or another order in
another split, and boxes are compared with those of another class.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from ..config_parts import datasets_in
from ..errors import UserValueError, few

_LARGE = 200e6  # bytes; COCO's own are read twice already


def check_categories(where: str, config: Any) -> None:
    """Stop at a file whose categories are not the classes, in their order.

    Args:
        where: The dataset's place, for messages.
        config: Of the dataset, which may wrap others.

    Raises:
        ValueError: They are not.
    """
    for dataset in _of_coco(config):
        classes = list(dataset.metainfo.get('classes') or ())
        path = Path(dataset.ann_file)
        if not path.is_file() or path.stat().st_size > _LARGE:
            continue
        known = _names(where, path)
        if missing := [name for name in classes if name not in known]:
            raise UserValueError(
                f'{where}: {path} has the categories {few(known)}, but '
                f'no {few(missing)} of the classes; name those of the '
                'file in its order, by metainfo=dict(classes=(...)) of all '
                'datasets'
            )
        order = [name for name in known if name in classes]
        if order != classes:
            raise UserValueError(
                f'{where}: {path} has its categories in the order '
                f'{few(order)}, and mmdet counts labels so, but the '
                f'classes are {few(classes)}; give classes and files of '
                'all splits the same order'
            )


def _names(where: str, path: Path) -> list[str]:
    try:
        found = json.loads(path.read_bytes())
        return [category['name'] for category in found['categories']]
    except (ValueError, KeyError, TypeError) as error:
        raise UserValueError(
            f'{where}: {path} is no file of annotations in the format of '
            f'COCO: {type(error).__name__}: {error}'
        ) from error


def _of_coco(config: Any) -> Iterator[BaseDataset]:
    """Datasets of COCO's format in a config, built without their images."""
    for each in datasets_in(config):
        with DATASETS.switch_scope_and_registry(None) as registry:
            kind = registry.get(each['type'])
        if hasattr(kind, 'COCOAPI'):
            yield DATASETS.build({**each, 'lazy_init': True, 'pipeline': []})
