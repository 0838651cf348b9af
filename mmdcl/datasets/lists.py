"""The rows of a list or a table of images, as they are written there."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserValueError
from .found import EXTENSIONS

LISTS = ('.txt',)
TABLES = ('.csv', '.tsv')
# What columns are called, small and without spaces, `_` and `-`; the first
# that is there.
_OF_PATHS = ('path', 'filepath', 'imagepath', 'imgpath', 'filename', 'image')
_OF_PATHS += ('imagefile', 'imagename', 'img', 'file')
_OF_LABELS = ('label', 'labels', 'class', 'classname', 'category', 'target')
_OF_SPLITS = ('split', 'subset')
_ENDS = '|'.join(re.escape(x) for x in EXTENSIONS)
_LINE = re.compile(rf'(.*(?:{_ENDS}))(?:\s+(.*))?', re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """An image as a list has it.

    Attributes:
        line: Where, from 1.
        path: Of the file, as it is written there.
        label: Empty if there is none.
        split: The same.
    """

    line: int
    path: str
    label: str
    split: str = ''


def read_rows(
    file: str, path_column: str | None = None, label_column: str | None = None
) -> list[Row]:
    """The rows of a list (``.txt``) or a table (``.csv``, ``.tsv``).

    A line of a list is a path, or a path, white space and a label; a path
    ends as images do and may have spaces in it. Of a table, the first row
    names its columns, by which those of paths and of labels are found.

    Args:
        file: Its path.
        path_column: Of a table, if its name does not say so.
        label_column: Of a table, if its name does not say so.

    Raises:
        ValueError: A line or a table cannot be understood, or is of no
            images.
    """
    is_table = file.lower().endswith(TABLES)
    if not is_table and (path_column or label_column):
        raise UserValueError(
            f'{file} is a list without columns, but `path_column` or '
            '`label_column` is given; leave it out, or give a .csv or .tsv'
        )
    try:
        text = Path(file).read_text('utf-8-sig')
    except UnicodeDecodeError as error:
        raise UserValueError(
            f'{file} is no text in UTF-8 ({error.reason} at byte '
            f'{error.start}); save it as UTF-8'
        ) from error
    rows = (
        list(_table(file, text, path_column, label_column))
        if is_table
        else list(_list(file, text))
    )
    if not rows:
        raise UserValueError(f'{file} names no image')
    return rows


def _list(file: str, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split('\n'), 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise UserValueError(
                f'{file}, line {number}: {line.strip()[:60]!r} is no path of '
                'an image, alone or before white space and a label; images '
                f'end in {", ".join(sorted(EXTENSIONS))}'
            )
        yield Row(number, found[1], found[2] or '')


def _table(
    file: str, text: str, path_column: str | None, label_column: str | None
) -> Iterator[Row]:
    head = text.partition('\n')[0]
    tabs = file.lower().endswith('.tsv')
    comma = '\t' if tabs else max(',;\t', key=head.count)
    cells = io.StringIO(text, newline='')
    reader = csv.DictReader(cells, delimiter=comma, strict=True)
    columns = [x for x in reader.fieldnames or () if x]
    paths = _column(file, columns, 'path_column', path_column, _OF_PATHS)
    labels = _column(file, columns, 'label_column', label_column, _OF_LABELS)
    splits = _column(file, columns, '', None, _OF_SPLITS)
    if paths is None:
        raise UserValueError(
            f'{file} has no column called path, file, image or filename; it '
            f'has {", ".join(columns) or "none"}: set `path_column` of the '
            'dataset to the one of the paths'
        )
    try:
        for row in reader:
            path, label = row[paths], row[labels] if labels else ''
            if None in row:
                raise csv.Error('it has more cells than there are columns')
            if not (path or '').strip():
                raise UserValueError(
                    f'{file}, line {reader.line_num}: nothing in column '
                    f'{paths!r}, where the path of the image should be'
                )
            split = (row[splits] if splits else '') or ''
            yield Row(
                reader.line_num,
                path.strip(),
                (label or '').strip(),
                split.strip().lower(),
            )
    except csv.Error as error:
        raise UserValueError(
            f'{file}, line {reader.line_num} is no row of a table: {error}'
        ) from error


def _column(
    file: str,
    columns: list[str],
    argument: str,
    wanted: str | None,
    usual: tuple[str, ...],
) -> str | None:
    if wanted is not None:
        if wanted not in columns:
            raise UserValueError(
                f'{file} has no column {wanted!r}, which `{argument}` asks '
                f'for; it has {", ".join(columns) or "none"}'
            )
        return wanted
    plain = {re.sub(r'[\s_-]', '', x).lower(): x for x in reversed(columns)}
    return next((plain[x] for x in usual if x in plain), None)
