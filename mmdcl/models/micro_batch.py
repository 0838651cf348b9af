"""Which micro-batches a batch can be divided into."""

from collections.abc import Iterable


def micro_batch_problem(size: int | None, batches: Iterable[int]) -> str:
    """Why batches cannot be computed in micro-batches of so many images.

    Args:
        size: ``model.micro_batch``; None: all at once.
        batches: Numbers of images of the batches of a process. Of those that
            are not larger than ``size`` there is nothing to divide.

    Returns:
        A sentence with the nearest sizes that do; empty if all is well.
    """
    several = sorted(set(batches))
    if size is None or _divides(size, several):
        return ''
    below = next(x for x in range(size, 0, -1) if _divides(x, several))
    above = next(
        x for x in range(size, max(several) + 1) if _divides(x, several)
    )
    found = ' and of '.join(f'{x:,}' for x in several)
    return (
        '`model.micro_batch` must divide the images of each batch of a '
        f'process, got {size} for batches of {found} images; the nearest that '
        f'do are {below} and {above}'
    )


def _divides(size: int, batches: list[int]) -> bool:
    return all(x <= size or x % size == 0 for x in batches)
