"""Parts of a config, wherever a config of OpenMMLab has them.

It is read as data, and may be a stranger's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def short_name(kind: Any) -> str:
    """Of a registered class, given as a name, a dotted name or itself."""
    if kind is None:
        return ''
    return getattr(kind, '__name__', str(kind)).rpartition('.')[2]


def part(config: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """What is below some keys, if that is a dict; else an empty one."""
    found: Any = config
    for key in keys:
        found = found.get(key)
        if not isinstance(found, Mapping):
            return {}
    return found


def preprocessor_of(config: Mapping[str, Any]) -> Any:
    """Of the model, or else of the whole; an empty dict if there is none."""
    own = part(config, 'model').get('data_preprocessor')
    return own or config.get('data_preprocessor') or {}


def named_datasets(dataset: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Configs of datasets inside of whatever wraps them.

    Args:
        dataset: Config of one; what is none, or is empty, has none inside.
        path: Its key, as after ``--cfg-options``.

    Yields:
        Key and config of each.
    """
    if not isinstance(dataset, Mapping) or not dataset:
        return
    inner = {f'{path}.dataset': dataset.get('dataset')}
    several = dataset.get('datasets') or ()
    inner |= {f'{path}.datasets.{i}': each for i, each in enumerate(several)}
    wrapped = {key: x for key, x in inner.items() if isinstance(x, Mapping)}
    if not any(wrapped.values()):
        yield path, dataset
    for key, each in wrapped.items():
        yield from named_datasets(each, key)


def datasets_in(dataset: Any) -> Iterator[Any]:
    """As :func:`named_datasets`, without the keys."""
    for _, each in named_datasets(dataset, ''):
        yield each


def only_dataset(config: Mapping[str, Any], loader: str) -> Any:
    """The dataset of a loader, wrapped or not; an empty dict if not one."""
    found = list(datasets_in(part(config, loader, 'dataset')))
    return found[0] if len(found) == 1 else {}
