"""A few labelled images of each class."""

from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmpretrain.registry import DATASETS as UPSTREAM_DATASETS

from ..arguments import require_flag, require_number, require_whole
from ..errors import UserTypeError, UserValueError
from ..registry import DATASETS


def few_labels(
    labels: np.ndarray,
    seed: int,
    fraction: float = 1,
    per_class: int = 0,
    names: Sequence[str] = (),
) -> list[int]:
    """Positions of a class-balanced choice.

    Every class gives the same number of images, drawn by ``seed``; with the
    same seed a larger choice contains a smaller one.

    Args:
        labels: ``(N,)`` classes of all images.
        seed: Of the draw.
        fraction: Share of all images, in (0, 1].
        per_class: Images of each class instead, if not 0.
        names: Of the classes, for messages.

    Raises:
        ValueError: That is no image of each class, or more than a class has.
    """
    classes, counts = np.unique(labels, return_counts=True)
    each = per_class or round(fraction * len(labels) / max(len(classes), 1))
    few = counts.min(initial=len(labels))
    if not 1 <= each <= few:
        asked = f'per_class={per_class}' if per_class else f'{fraction=}'
        first = int(classes[counts.argmin()]) if len(classes) else 'none'
        smallest = dict(enumerate(names)).get(first, first)
        raise UserValueError(
            f'{asked} of {len(labels)} images in {len(classes)} classes is '
            f'{each} of each; possible are 1 to {few}, what the smallest '
            f'class has ({smallest})'
        )
    generator = np.random.default_rng(seed)
    chosen = [
        generator.permutation(np.flatnonzero(labels == label))[:each]
        for label in classes
    ]
    return sorted(np.concatenate(chosen).tolist())


@DATASETS.register_module()
def FewLabels(  # noqa: N802 - a `type` in configs
    dataset: dict,
    seed: int = 0,
    fraction: float = 1,
    per_class: int = 0,
    keep_others: bool = False,
) -> BaseDataset:
    """Any labelled dataset of mmpretrain, reduced by :func:`few_labels`.

    Args:
        dataset: Its config.
        seed: As in :func:`few_labels`.
        fraction: As in :func:`few_labels`.
        per_class: As in :func:`few_labels`.
        keep_others: Keep the images that are not chosen, without their
            labels: ``gt_label`` is -1, as :class:`mmdcl.SupCon` takes it.

    Raises:
        TypeError: The dataset cannot be reduced.
        ValueError: It has no labels, or too few images of a class.
    """
    require_whole('seed', seed, least=0)
    require_whole('per_class', per_class, least=0)
    require_number('fraction', fraction, above=0)
    require_flag('keep_others', keep_others)
    whole = UPSTREAM_DATASETS.build(dataset)
    if not isinstance(whole, BaseDataset):
        raise UserTypeError(
            f'FewLabels needs a plain dataset, got {type(whole).__name__}; '
            'put it inside of wrappers'
        )
    whole.full_init()
    infos = map(whole.get_data_info, range(len(whole)))
    labels = [info.get('gt_label', -1) for info in infos]
    if not labels or min(labels) < 0:
        raise UserValueError(
            f'{type(whole).__name__} in {whole.data_root} has '
            + ('no images' if not labels else 'images without labels')
            + '; few labels can only be chosen from a labelled dataset'
        )
    names = whole.metainfo.get('classes') or ()
    chosen = few_labels(np.array(labels), seed, fraction, per_class, names)
    if keep_others:
        _forget_labels(whole, set(range(len(whole))).difference(chosen))
        whole.labelled = len(chosen)  # what a card says
    else:
        whole.get_subset_(chosen)
    return whole


def _forget_labels(dataset: BaseDataset, images: set[int]) -> None:
    """In the list that workers and ``get_gt_labels`` read."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    for i in images:
        infos[i]['gt_label'] = -1
    dataset.data_list = infos
    if dataset.serialize_data:
        dataset.data_bytes, dataset.data_address = dataset._serialize_data()
