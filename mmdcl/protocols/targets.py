"""The labels of a dataset, read before anything is computed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import UserValueError, few

IGNORED = -1  # neither positive nor negative


class Targets(NamedTuple):
    """Labels of ``N`` images.

    Attributes:
        labels: ``(N,)`` classes where each image has one; ``(N, C)`` of 1, 0
            and -1 (ignored) where it may have several.
        classes: Their names, as far as they are known.
    """

    labels: np.ndarray
    classes: tuple[str, ...]

    @property
    def several(self) -> bool:
        """An image may have several labels."""
        return self.labels.ndim == 2

    def name(self, label: int) -> str:
        """Of a class, for messages."""
        known = label < len(self.classes)
        return repr(self.classes[label]) if known else f'number {label}'


def read_targets(dataset: Any, where: str) -> Targets:
    """Labels of all images, in the order of the dataset.

    Args:
        dataset: Of mmpretrain. ``gt_label`` is a class, or a list of them;
            of classes that ``gt_label_difficult`` lists and ``gt_label`` does
            not an image is neither positive nor negative, as in VOC.
        where: For messages: which images they are.

    Raises:
        ValueError: Images have no labels, or some have one and some several.
    """
    if not hasattr(dataset, 'get_data_info'):
        raise UserValueError(
            f'labels of {where} cannot be read from a '
            f'{type(dataset).__name__}; give a dataset of mmpretrain'
        )
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    labels = [info.get('gt_label') for info in infos]
    if not labels or any(x is None for x in labels):
        missing = sum(x is None for x in labels)
        raise UserValueError(
            f'{missing} of {len(labels)} {where} have no label, and this '
            'protocol needs one of each; set `with_label=True`, or choose a '
            'labelled dataset'
        )
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes') or ()
    classes = tuple(map(str, classes))
    kinds = {isinstance(x, (Sequence, np.ndarray)) for x in labels}
    if len(kinds) > 1:
        raise UserValueError(
            f'some {where} have one label and some a list of them; give all '
            'of them a list'
        )
    if kinds == {False}:
        return Targets(np.array(labels, np.int64), classes)
    many = np.zeros((len(labels), len(classes)), np.int64)
    for row, info in zip(many, infos, strict=True):
        row[list(info.get('gt_label_difficult') or ())] = IGNORED
        row[list(info['gt_label'])] = 1
    return Targets(many, classes)


def require_single(targets: Targets, what: str) -> None:
    """Refuse images with several labels.

    Raises:
        ValueError: They may have several.
    """
    if targets.several:
        raise UserValueError(
            f'{what} needs one label an image, but these may have several; '
            'use --protocol svm or low-shot'
        )


def require_classes(train: Targets, least: int, what: str, need: str) -> None:
    """Refuse a single class, and classes with too few images.

    Classes that no image is of, as of folders without images, do not matter
    where each image has one label.

    Args:
        train: Of the training images.
        least: Positives, and others, that each class needs.
        what: That tells classes apart, for messages.
        need: What needs so many, and its verb.

    Raises:
        ValueError: A class has fewer; the message names it and its number.
    """
    present, of_classes = range(len(train.classes)), train.labels
    if not train.several:
        present = np.unique(train.labels).tolist()
        of_classes = train.labels[:, None] == present
        if len(present) < 2:
            raise UserValueError(
                f'{what} tells classes apart, but all training images are of '
                f'{train.name(present[0])}'
            )
    for kind, value in (('', 1), ('other ', 0)):
        counts = (of_classes == value).sum(0)
        said = [
            f'{train.name(label)} has {count}'
            for label, count in zip(present, counts, strict=True)
            if count < least
        ]
        if said:
            raise UserValueError(
                f'{need} at least {least} {kind}training images of each '
                f'class, but {few(said, 3)}; add images, or leave these '
                'classes out'
            )


def require_positives(test: Targets) -> None:
    """Refuse classes that no test image is of: their precision is nothing.

    Raises:
        ValueError: There is one.
    """
    for label, count in enumerate((test.labels == 1).sum(0)):
        if not count:
            raise UserValueError(
                f'no test image is of class {test.name(label)}, so that its '
                'average precision is undefined; leave the class out by '
                '`metainfo` of both datasets'
            )
