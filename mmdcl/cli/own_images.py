"""Images of the user's own, with labels to validate by or without."""

import inspect
from typing import Any

from mmengine.config import Config

from ..config_parts import only_dataset, short_name
from ..engine.data_check import DataCheckHook

# Said of the images to train on, these hold for the others, too.
_COMMON = ('with_label', 'img_root', 'path_column', 'label_column')
_COMMON += ('keep_unlabelled', 'held_out', 'extensions')
_COMMON += ('metainfo', 'classes')


def fit_to_labels(cfg: Config) -> None:
    """Leave validation out where images of :class:`mmdcl.Images` cannot serve.

    What is set of the dataset to train on is set of those to validate and
    to test on, too, unless they have their own.

    Args:
        cfg: Of a training, changed in place.

    Raises:
        ValueError: As of :class:`mmdcl.Images`.
    """
    train = _own(cfg, 'train_dataloader')
    if train is None:
        return
    # Slow to import, and other datasets need none of it.
    from ..datasets.collection import collect

    for name in ('val_dataloader', 'test_dataloader'):
        other = _own(cfg, name)
        if other is not None and other.get('data_root') == train.data_root:
            for key in _COMMON:
                if key in train:
                    other.setdefault(key, train[key])
    val = _own(cfg, 'val_dataloader')
    asked = train if val is None else val
    takes = inspect.signature(collect).parameters
    settings = {key: x for key, x in asked.items() if key in takes}
    names = (asked.get('metainfo') or {}).get('classes')
    found = collect(**{**settings, 'classes': names})
    if found.val or (val is not None and val.get('split') == 'all'):
        return
    for kind in ('val', 'test'):
        if _own(cfg, f'{kind}_dataloader') is not None:
            for key in ('cfg', 'dataloader', 'evaluator'):
                cfg[f'{kind}_{key}'] = None


def allow_evaluation_images(cfg: Config) -> None:
    """What ``--train-on-evaluation`` changes."""
    for hook in cfg.get('custom_hooks') or []:
        if short_name(hook.get('type')) == DataCheckHook.__name__:
            hook['train_on_evaluation'] = True


def _own(cfg: Config, name: str) -> Any:
    """The dataset of a loader, wrapped or not, if it is of this kind."""
    dataset = only_dataset(cfg, name)
    return dataset if short_name(dataset.get('type')) == 'Images' else None
