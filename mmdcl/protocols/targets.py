"""The labels of a dataset, read before anything is computed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import UserValueError

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

    def one_against_all(self, count: int) -> np.ndarray:
        """``(N, count)`` of 1, 0 and -1, for one classifier a class."""
        if self.several:
            return self.labels
        return (self.labels[:, None] == np.arange(count)).astype(np.int64)

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


def require_images_of_classes(
    targets: np.ndarray, name: Any, least: int, what: str
) -> None:
    """Refuse classes with too few images.

    Args:
        targets: ``(N, C)`` of 1, 0 and -1.
        name: A function of a class.
        least: Positives, and others, that each class needs.
        what: That needs them, for messages.

    Raises:
        ValueError: A class has fewer; the message names it and its number.
    """
    for kind, value in (('', 1), ('other ', 0)):
        counts = (targets == value).sum(0)
        few = [label for label, count in enumerate(counts) if count < least]
        if few:
            said = ', '.join(f'{name(x)} has {counts[x]}' for x in few[:3])
            more = f', and {len(few) - 3} more' if len(few) > 3 else ''
            raise UserValueError(
                f'{what} at least {least} {kind}training images of each '
                f'class, but {said}{more}; add images, or leave these classes '
                'out'
            )
