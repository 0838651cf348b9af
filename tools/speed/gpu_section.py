"""Writes the tables of `On a GPU` in docs/performance.md, from JSON files.

    python tools/speed/gpu_section.py

reads `gpu_*.json` of results/speed (or of `--results FOLDER`), as `gpu.sh`
wrote them, and puts tables between two comments of the page (or of `--page
FILE`); the rest of the page stays as it is, and so does all of it the second
time. Without files it says there that nothing was measured. Files that were
not measured on a CUDA device are refused.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
BEGIN = '<!-- Written by tools/speed/gpu_section.py from here ... -->'
END = '<!-- ... to here. -->'
NOTHING = 'Nothing has been measured on a GPU yet.'
OTHER = 'out of memory'


def load(path: Path) -> list[dict]:
    """Rows of a file; ends the program if they are not of a GPU."""
    rows = json.loads(path.read_text())
    there = [str(x.get('device', '')).startswith('cuda') for x in rows]
    if not any(there) or any(x['machine'].endswith('no GPU') for x in rows):
        sys.exit(
            f'error: {path} was not measured on a CUDA device but on '
            f'{rows[0]["machine"]}, device {rows[0].get("device")}; it has no '
            'place in this section. Remove it, or run tools/speed/gpu.sh '
            'where there is a GPU'
        )
    return rows


def table(head: str, rows: Iterable[Iterable]) -> str:
    """Columns are named between bars."""
    lines = [f'| {head} |', '|---' * (head.count('|') + 1) + '|']
    for row in rows:
        cells = ['' if cell is None else str(cell) for cell in row]
        lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)


def number(value: float | None, form: str) -> str | None:
    return None if value is None else f'{value:{form}}'


def tests(rows: list[dict]) -> str:
    [row] = rows
    text = '`pytest -m gpu`: {passed} passed, {failed} failed, {skipped} '
    text = (text + 'skipped.').format(**row)
    failures = row.get('failures') or []
    return '\n'.join([text, *(f'- failed: `{x}`' for x in failures)])


def loss(rows: list[dict]) -> str:
    ours = {x['n_images']: x['ms'] for x in rows if x['name'] == 'mmdcl'}

    def cells(x: dict) -> list:
        base, time = ours.get(x['n_images']), x['ms']
        ratio = time / base if time and base else None
        return [
            x['n_images'],
            x['name'],
            number(time, '.1f') if time else OTHER,
            number(ratio, '.1f'),
            number(x['peak_mib'], '.0f'),
            number(x['grad_error'], '.0e'),
        ]

    text = 'DCL of two views, forward and backward, width {width}, float32:'
    head = 'images | | ms | times mmdcl | peak MiB | gradient error'
    return f'{text.format(**rows[0])}\n\n{table(head, map(cells, rows))}'


def knn(rows: list[dict]) -> str:
    text = 'kNN in a bank of {bank:,} images, {width} features:'
    head = ' | on | k | samples/s | accuracy'
    names = ('name', 'device', 'k', 'samples_per_second', 'accuracy')
    cells = ([row[x] for x in names] for row in rows)
    return f'{text.format(**rows[0])}\n\n{table(head, cells)}'


def views(rows: list[dict]) -> str:
    text = 'Two views of 224 px; `device` is what is left to the GPU:'
    cells = ([x['name'], x['device'], number(x['ms'], '.3f')] for x in rows)
    return f'{text}\n\n{table(" | on | ms an image", cells)}'


def step(rows: list[dict]) -> str:
    text = 'A step of {backbone}, {size} px, {batch} images, {images}, '
    text += '{workers} workers:'

    def cells(x: dict) -> list:
        return [
            x['name'],
            number(x['ms'], '.1f') or OTHER,
            number(x['images_per_second'], '.0f'),
            number(x['of_bare'], '.2f'),
            number(x['peak_mib'], '.0f'),
        ]

    head = ' | ms | images/s | of bare | peak MiB'
    return f'{text.format(**rows[0])}\n\n{table(head, map(cells, rows))}'


PARTS = dict(tests=tests, loss=loss, knn=knn, views=views, step=step)


def section(folder: Path) -> str:
    """What stands between the comments."""
    found = []
    for name, write in PARTS.items():
        path = folder / f'gpu_{name}.json'
        if path.is_file():
            rows = load(path)
            where = 'Commit {commit}, torch {torch}; {machine}.'
            found.append(f'{write(rows)}\n\n{where.format(**rows[0])}')
    return '\n\n'.join(found) or NOTHING


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--results', type=Path, default=ROOT / 'results/speed')
    parser.add_argument(
        '--page', type=Path, default=ROOT / 'docs/performance.md'
    )
    args = parser.parse_args()
    text = args.page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f'error: {args.page} must have each comment once: {BEGIN}')
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    found = section(args.results)
    args.page.write_text(f'{before}{BEGIN}\n\n{found}\n\n{END}{after}')
    print(found)


if __name__ == '__main__':
    main()
