"""How many views of an image a config makes."""

from collections.abc import Mapping
from typing import Any


def count_views(dataset: Any) -> int:
    """Views of each image, by ``num_views`` of ``MultiView``; 0 if unknown.

    Args:
        dataset: Config of one, which may be a stranger's; of several, as
            wrappers hold them, the most views count.
    """
    if isinstance(dataset, (list, tuple)):
        return max(map(count_views, dataset), default=0)
    if not isinstance(dataset, Mapping):
        return 0
    numbers = dataset.get('num_views')
    numbers = [numbers] if isinstance(numbers, int) else numbers
    if isinstance(numbers, (list, tuple)):
        return sum(x for x in numbers if isinstance(x, int))
    return max(map(count_views, dataset.values()), default=0)
