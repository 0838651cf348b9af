"""What pictures of images say in words."""

from collections.abc import Sequence
from pathlib import Path, PurePath

from .style import plain

TIMES, SIGMA = '\N{MULTIPLICATION SIGN}', '\N{GREEK SMALL LETTER SIGMA}'
INK_ON_WHITE = '#111111'  # stays dark in a dark page, as its ground is white


def heading(name: str, checkpoint: Path, what: str) -> str:
    """The title of a picture: the run, the checkpoint, and what it shows."""
    return f'{name}, {checkpoint.stem}: {what}'


def of_images(number: int, total: int, split: str, left_out: int = 0) -> str:
    """How many images a picture is about, and of how many."""
    sampled = number + left_out < total
    text = f'{number:,} of {total:,}' if sampled else f'all {number:,}'
    text += f' {split} images' + ', drawn at random' * sampled
    return text + f' ({left_out:,} unreadable left out)' * bool(left_out)


def class_name(
    label: int, classes: Sequence[str] | None, width: int = 12
) -> str:
    """As a user knows it, cut short."""
    name = str(classes[label]) if classes else f'class {label}'
    if len(name) > width:
        name = f'{name[: width - 1]}…'
    return plain(name)


def short_file(file: str, width: int = 14) -> str:
    """The name of a file, without its suffix and cut short at the start."""
    name = PurePath(file).stem
    if len(name) > width:
        name = f'…{name[1 - width :]}'
    return plain(name)
