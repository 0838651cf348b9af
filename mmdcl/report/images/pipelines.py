"""Pipelines for looking at images, made of those for training on them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...config_parts import short_name


def plain_pipeline(training: Sequence[Mapping[str, Any]]) -> list[dict]:
    """What loads the images of a training pipeline, whole and as large.

    Args:
        training: Its config, with views or without.
    """
    kinds = [short_name(x.get('type')) for x in training]
    views = 'MultiView' in kinds
    loading = []
    for kind, transform in zip(kinds, training, strict=True):
        if kind == 'MultiView':
            break
        loads = kind.startswith('Load') or kind == 'ChannelOrder'
        if loads or (views and not kind.startswith('Random')):
            loading.append(dict(transform))
        elif not views:
            break
    size = next(_sizes(training), None)
    if size is not None:
        loading.append(dict(type='Resize', scale=size))
    return [*loading, dict(type='PackInputs')]


def skipping(pipeline: Sequence[Mapping[str, Any]]) -> list[dict]:
    """The same, which leaves out what cannot be read instead of stopping."""
    return [
        {**step, 'on_error': 'skip'} if 'on_error' in step else dict(step)
        for step in pipeline
    ]


def _sizes(part: Any) -> Iterator[tuple[int, int]]:
    """Width and height of what crops and resizes give, in their order."""
    if isinstance(part, Mapping):
        size = part.get('scale', part.get('crop_size', part.get('size')))
        size = (size, size) if isinstance(size, int) else size
        whole = isinstance(size, (list, tuple)) and len(size) == 2
        if whole and all(isinstance(x, int) and x > 1 for x in size):
            height_first = short_name(part.get('type')) != 'Resize'
            yield tuple(size[::-1] if height_first else size)
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        for inner in part:
            yield from _sizes(inner)
