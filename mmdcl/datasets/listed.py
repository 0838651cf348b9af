"""Whether the rows of a list are images, each once, and all have labels."""

import os
from collections.abc import Callable

from ..errors import UserFileNotFoundError, UserValueError, few
from .lists import Row


def paths_of(rows: list[Row], file: str, root: str) -> list[str]:
    """Where images lie, relative to ``root`` if they are below it.

    Raises:
        FileNotFoundError: Some are not there.
        ValueError: One is named twice.
    """
    paths = [os.path.normpath(os.path.join(root, row.path)) for row in rows]
    _refuse(
        rows,
        _absent(paths),
        UserFileNotFoundError,
        lambda n, names: (
            f'{n} of {len(rows)} images in {file} are not there: {names}; '
            f'paths are relative to {os.path.abspath(root)}, or to `img_root` '
            'of the dataset'
        ),
    )
    first: dict[str, int] = {}
    again = [first.setdefault(path, i) != i for i, path in enumerate(paths)]
    _refuse(
        rows,
        again,
        UserValueError,
        lambda n, names: (
            f'{n} of {len(rows)} images in {file} are named more than once: '
            f'{names}; an image of which there are two is its own negative. '
            'Leave one line of each'
        ),
    )
    below = os.path.normpath(root) + os.sep
    return [path.removeprefix(below) for path in paths]


def _absent(paths: list[str]) -> list[bool]:
    """Looks into each folder once, as a list may be of a million."""
    listed: dict[str, set[str]] = {}
    found = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in listed:
            try:
                with os.scandir(folder or '.') as entries:
                    listed[folder] = {
                        x.name for x in entries if not x.is_dir()
                    }
            except OSError:
                listed[folder] = set()
        found.append(name not in listed[folder])
    return found


def _refuse(
    rows: list[Row],
    bad: list[bool],
    kind: type[Exception],
    sentence: Callable[[int, str], str],
) -> None:
    """Raise if there is any, with the first lines."""
    which = [row for row, is_bad in zip(rows, bad, strict=True) if is_bad]
    if which:
        said = [f'{row.path} (line {row.line})' for row in which]
        raise kind(sentence(len(which), few(said)))


def labels_of(
    rows: list[Row],
    file: str,
    with_label: bool | None,
    keep_unlabelled: bool = False,
) -> list[str] | None:
    """The label of each row; ``None`` if there are none, or none are wanted.

    With ``keep_unlabelled`` that of a row without one, or with -1, is ''.

    Raises:
        ValueError: Some rows have one and some not, or none has one, but
            they are asked for.
    """
    if with_label is False:
        return None
    labels = [
        '' if keep_unlabelled and row.label == '-1' else row.label
        for row in rows
    ]
    without = [not label for label in labels]
    if all(without):
        if with_label:
            raise UserValueError(
                f'{file} has no labels, but `with_label` of the dataset asks '
                'for them: add a label to each line, or a column `label` to '
                'a table'
            )
        return None
    if not keep_unlabelled:
        _refuse(
            rows,
            without,
            UserValueError,
            lambda n, names: (
                f'{n} of {len(rows)} images in {file} have no label, the '
                f'others have one: {names}; complete the labels, or set '
                '`with_label=False` of the dataset, or for mmdcl.SupCon '
                '`keep_unlabelled=True`'
            ),
        )
    return labels
