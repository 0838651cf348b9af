"""One label for each training image, as a classifier needs them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import UserValueError
from .class_check import leaves


def classes_of(dataset: Any) -> int:
    """How many a dataset names; 0 if it names none."""
    named = [
        (getattr(x, 'metainfo', None) or {}).get('classes')
        for x in (dataset, *leaves(dataset))
        if isinstance(getattr(x, 'metainfo', None) or {}, Mapping)
    ]
    return max((len(x) for x in named if x), default=0)


def label_problem(dataset: Any, classes: int) -> str:
    """Why a probe cannot be trained on it, in a sentence; '' if it can."""
    for leaf in leaves(dataset):
        known = hasattr(leaf, 'get_data_info') and len(leaf)
        label = leaf.get_data_info(0).get('gt_label') if known else 0
        several = np.size(label) > 1
        if label is None or several or not getattr(leaf, 'with_label', True):
            return (
                'mmdcl.LinearProbeHook needs one label for each training '
                f'image, but {type(leaf).__name__} gives '
                f'{"several" if several else "none"}; remove the hook, or '
                'choose a labelled dataset (`with_label=True`)'
            )
    if not classes:
        return (
            'mmdcl.LinearProbeHook does not know how many classes there are, '
            'as the dataset names none; set its `num_classes`'
        )
    return ''


def labels_of(batch: Any, classes: int) -> Tensor:
    """``(B,)`` labels of the images of a batch, on the host.

    Raises:
        ValueError: An image has none, or one that is no class.
    """
    samples = batch.get('data_samples') if isinstance(batch, dict) else []
    labels = [x.get('gt_label') for x in samples or []]
    if not labels or any(x is None or x.numel() != 1 for x in labels):
        raise UserValueError(
            'mmdcl.LinearProbeHook needs one label for each training image, '
            'but a batch came without; remove the hook, or let `PackInputs` '
            'pack `gt_label`'
        )
    found = torch.cat(labels).cpu()
    if not 0 <= int(found.min()) <= int(found.max()) < classes:
        without = int(found.min()) < 0
        raise UserValueError(
            f'mmdcl.LinearProbeHook knows of {classes} classes, but a label '
            f'is {int(found.min() if without else found.max())}; '
            + ('remove the hook' if without else 'set its `num_classes`')
        )
    return found
