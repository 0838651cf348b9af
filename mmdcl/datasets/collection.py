"""What a folder, a list or a table has: images, labels, and what to hold out.

Nothing is decoded and nothing is said here: :class:`~mmdcl.Images` does.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from os.path import expanduser, isdir, isfile, join

from ..errors import UserFileNotFoundError, UserValueError, few
from .class_folders import class_folders, split_folders, splits_of
from .folders import number_classes
from .found import EXTENSIONS, find_images, folders_of
from .held_out import held_out_of
from .listed import labels_of, paths_of
from .lists import LISTS, TABLES, Row, read_rows

WITHOUT_KNN = (
    'Without labels there is no kNN accuracy. Watch rank_me, lidar, '
    'uniformity, q and the verdicts instead: docs/monitoring.md.'
)

# Root, path below it, label or None.
Image = tuple[str, str, int | None]


@dataclass
class Collection:
    """Images to train on and to validate on.

    Attributes:
        root: The folder to train on, or the list or table.
        train: To train on; the kNN bank.
        val: The queries of kNN; empty if there is no kNN.
        classes: Their names by their numbers; ``None`` without labels.
        without_val: Why ``val`` is empty.
        val_folder: Where ``val`` comes from, if it is not held out.
        passed_over: What was not read, in a sentence; may be empty.
        folders: As :func:`~mmdcl.datasets.folders.folders_of` says.
    """

    root: str
    train: list[Image] = field(default_factory=list)
    val: list[Image] = field(default_factory=list)
    classes: tuple[str, ...] | None = None
    without_val: str = ''
    val_folder: str = ''
    passed_over: str = ''
    folders: frozenset[str] | None = None

    def sentence(self) -> str:
        """What there is, for the user."""
        said = f'{self.root}: {len(self.train):,} images to train on'
        if self.classes is not None:
            names = few(self.classes, 3)
            said += f', of {len(self.classes)} classes ({names})'
            without = sum(label == -1 for *_, label in self.train)
            said += f', {without:,} without a label' * bool(without)
        if not self.val:
            return f'{said}; {self.without_val}'
        number = f'{len(self.val):,}'
        if self.val_folder:
            return f'{said}; {number} in {self.val_folder} for kNN'
        return f'{said}; {number} more are held out for kNN, not trained on'


def collect(
    data_root: str,
    with_label: bool | None = None,
    img_root: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    held_out: float = 0.1,
    extensions: tuple[str, ...] = EXTENSIONS,
    keep_unlabelled: bool = False,
    classes: tuple[str, ...] | None = None,
) -> Collection:
    """All images of a folder, a list or a table, and their labels.

    Args:
        data_root: As of :class:`mmdcl.Images`, and so are the others.
        classes: Names of the classes, if their order is given.

    Raises:
        FileNotFoundError: As of :class:`mmdcl.Images`.
        ValueError: As of :class:`mmdcl.Images`.
    """
    data_root = expanduser(data_root)
    if '://' in data_root:
        raise UserValueError(
            f'mmdcl.Images reads local folders and lists, not {data_root}; '
            'mmdcl.CustomDataset reads from servers'
        )
    if isdir(data_root):
        for name, value in (
            ('img_root', img_root),
            ('path_column', path_column),
            ('label_column', label_column),
            ('keep_unlabelled', keep_unlabelled),
        ):
            if value:
                raise UserValueError(
                    f'`{name}` is for lists and tables, but {data_root} is a '
                    'folder; leave it out, or give the table as `data_root`'
                )
        return _of_folder(data_root, with_label, held_out, extensions, classes)
    if not isfile(data_root):
        raise UserFileNotFoundError(
            f'there is no {os.path.abspath(data_root)}; give a folder of '
            'images, a .txt with a path a line, or a .csv or .tsv, by '
            '--data-root, or by `data_root` of the dataset'
        )
    if not data_root.lower().endswith(LISTS + TABLES):
        raise UserValueError(
            f'{data_root} is a file, but neither a list (.txt) nor a table '
            '(.csv, .tsv) of images'
        )
    rows = read_rows(data_root, path_column, label_column)
    root = img_root or os.path.dirname(data_root) or '.'
    labels = with_label, keep_unlabelled
    return _of_rows(rows, data_root, root, labels, held_out, classes)


def _of_folder(
    data_root: str,
    with_label: bool | None,
    held_out: float,
    extensions: tuple[str, ...],
    classes: tuple[str, ...] | None,
) -> Collection:
    train, val = split_folders(data_root)
    root = join(data_root, train) if train else data_root
    images = find_images(root, extensions)
    if not images.images:
        raise UserFileNotFoundError(
            f'no image in {os.path.abspath(root)}, at any depth; images end '
            f'in {", ".join(sorted(extensions))}'
        )
    labels, why = class_folders(images.images, with_label, root)
    found = Collection(root, folders=folders_of(images, root))
    passed = [f'{root}: {x}' for x in [images.passed_over()] if x]
    folder = join(data_root, val) if val else ''
    queries = find_images(folder, extensions) if val else None
    if queries and queries.images:
        passed += [f'{folder}: {x}' for x in [queries.passed_over()] if x]
        theirs, other_why = class_folders(queries.images, with_label, folder)
        if labels is not None and theirs is None:
            labels, why = None, other_why
    found.passed_over = f'passed over {"; ".join(passed)}' if passed else ''
    found.without_val = why
    if labels is None or not (queries and queries.images):
        _fill(found, root, images.images, labels, held_out, classes)
        return found
    found.val_folder = folder
    found.classes, numbers = _numbered(labels, classes, root)
    missing = set(theirs) - set(numbers)
    if missing:
        raise UserValueError(
            f'{folder} has {few(missing)}, which {root} has no folder of; '
            'complete or rename the folders'
        )
    found.train = _labelled(root, images.images, labels, numbers)
    found.val = _labelled(folder, queries.images, theirs, numbers)
    return found


def _of_rows(
    rows: list[Row],
    file: str,
    root: str,
    wanted: tuple[bool | None, bool],
    held_out: float,
    classes: tuple[str, ...] | None,
) -> Collection:
    splits = splits_of([row.split for row in rows], file)
    other = splits.count('')
    rows = [row for row, x in zip(rows, splits, strict=True) if x]
    queries = [x == 'val' for x in splits if x]
    paths = paths_of(rows, file, root)
    labels = labels_of(rows, file, *wanted)
    found = Collection(file)
    if other:
        found.passed_over = (
            f'passed over {other:,} images of {file}, which are of splits '
            'for neither training nor validation'
        )
    if labels is None:
        found.without_val = 'there are no labels' + (
            ' in it' if wanted[0] is None else ' wanted (`with_label=False`)'
        )
    elif len(names := {*labels} - {''}) == 1:
        raise UserValueError(
            f'all images in {file} have the same label, {names.pop()!r}, of '
            'which kNN has nothing to tell; leave the labels out, or set '
            '`with_label=False` of the dataset'
        )
    if any(queries):
        found.val_folder = 'its split val'
    _fill(found, root, paths, labels, held_out, classes, queries)
    return found


def _fill(
    found: Collection,
    root: str,
    paths: list[str],
    labels: list[str] | None,
    share: float,
    classes: tuple[str, ...] | None,
    queries: Sequence[bool] = (),
) -> None:
    """Put all images into ``train``, and what is held out into ``val``.

    Where some are queries already, it is these.
    """
    if labels is None:
        out = queries or [False] * len(paths)
        pairs = zip(paths, out, strict=True)
        found.train = [
            (root, path, None) for path, is_out in pairs if not is_out
        ]
        return
    found.classes, numbers = _numbered(labels, classes, root)
    if any(queries):
        _refuse_unlabelled_queries(root, paths, labels, queries)
        out = queries
    else:
        out = held_out_of(paths, labels, share)
    images = _labelled(root, paths, labels, numbers)
    for image, is_out in zip(images, out, strict=True):
        (found.val if is_out else found.train).append(image)
    if not found.val:
        found.without_val = (
            'none is held out (`held_out=0`)'
            if not share
            else 'no class has two images, of which one could be held out'
        )


def _refuse_unlabelled_queries(
    root: str, paths: list[str], labels: list[str], queries: Sequence[bool]
) -> None:
    found = zip(paths, labels, queries, strict=True)
    without = [path for path, label, is_out in found if is_out and not label]
    if without:
        raise UserValueError(
            f'{len(without)} images in {root} of the split val have no label, '
            f'so kNN cannot tell whether it is right: {few(without)}'
        )


def _numbered(
    labels: list[str], classes: tuple[str, ...] | None, root: str
) -> tuple[tuple[str, ...], dict[str, int]]:
    names = sorted({*labels} - {''})
    if all(x.isdecimal() for x in names):
        names.sort(key=int)
    numbers = number_classes(names, classes, root)
    return tuple(classes or names), {**numbers, '': -1}


def _labelled(
    root: str, paths: list[str], labels: list[str], numbers: dict[str, int]
) -> list[Image]:
    return [
        (root, path, numbers[label])
        for path, label in zip(paths, labels, strict=True)
    ]
