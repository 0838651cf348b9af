"""How many classes a benchmark has, which its data know and not its config."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from mmpretrain.datasets import CustomDataset

from ..config_parts import LOADERS, datasets_in, part
from ..errors import few
from .class_folders import Leaf, names_of_folders, whole_imagenet

_EVALUATORS = ('val_evaluator', 'test_evaluator')


def fit_classes(
    cfg: Config, options: dict[str, Any] | None = None
) -> int | None:
    """Give a classifier the classes of its data, and datasets their names.

    Of folders these are the names of the folders, but for the whole of
    ImageNet, whose classes have names. What depends on their number follows:
    the head, its loss, one-hot labels of mixed images, ``topk``.

    Args:
        cfg: Of the benchmark, changed in place.
        options: The user's; ``model.head.num_classes`` among them stays.

    Returns:
        How many there are; ``None`` if it is no classifier, or not known.

    Raises:
        PermissionError: A folder must not be read.
        ValueError: Folders hold no classes, one, empty ones, or splits hold
            different ones.
    """
    if not isinstance(cfg.model.get('head'), dict):
        return None
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    leaves = list(_leaves(cfg))
    names = next((leaf.said for leaf in leaves if leaf.said), None)
    folders = [leaf for leaf in leaves if leaf.root and not leaf.said]
    if folders and names is None:
        names = names_of_folders(folders)
        print(f'{len(names)} classes of {folders[0].root}: {few(set(names))}')
        if whole_imagenet(folders[0], names):
            names = None  # they have better names, in the same order
    for leaf in leaves if names else ():
        if isinstance(leaf.dataset, CustomDataset) and not leaf.said:
            info = leaf.config.get('metainfo') or {}
            leaf.config['metainfo'] = dict(info, classes=names)
    known = (leaf.dataset.metainfo.get('classes') for leaf in leaves)
    number = len(names or next(filter(None, known), ()))
    if number and 'model.head.num_classes' not in (options or {}):
        _fit_model(cfg, number)
    return number or None


def _leaves(cfg: Config) -> Iterator[Leaf]:
    for name in LOADERS:
        for config in datasets_in(part(cfg, name, 'dataset')):
            try:
                lazy = {**config, 'lazy_init': True, 'pipeline': []}
                dataset = DATASETS.build(lazy)
            except TypeError:  # which takes no `lazy_init`
                continue
            if isinstance(getattr(dataset, 'metainfo', None), dict):
                yield Leaf(config, dataset)


def _fit_model(cfg: Config, number: int) -> None:
    """The number of classes, wherever a classifier needs it."""
    before = cfg.model.head.get('num_classes')
    if before not in (None, number):
        print(f'a classifier of {number} classes, not {before}')
        parts = [x for key, x in cfg.model.items() if key != 'backbone']
        _replace(parts, before, number)
    for owner in (cfg, cfg.model):
        images = owner.get('data_preprocessor') or {}
        if images.get('num_classes'):
            images['num_classes'] = number
    for each in [cfg.model.head, *map(cfg.get, _EVALUATORS)]:
        _fit_topk(each, number)


def _replace(config: Any, before: int, number: int) -> None:
    if isinstance(config, dict):
        if config.get('num_classes') == before:
            config['num_classes'] = number
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for inner in config:
            _replace(inner, before, number)


def _fit_topk(config: Any, number: int) -> None:
    """The true class is always among the first ``number``."""
    for each in config if isinstance(config, (list, tuple)) else [config]:
        asked = (each or {}).get('topk')
        if isinstance(asked, (list, tuple)):
            each['topk'] = tuple(k for k in asked if k <= number) or (1,)
        elif asked:
            each['topk'] = min(asked, number)
