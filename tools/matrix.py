"""Which stacks train, resume and evaluate: environments built from nothing.

``python tools/matrix.py --out FOLDER`` builds a wheel of this checkout and,
one after the other, an environment for each stack (by uv). In each it
trains the digits for two epochs, does so again with an interruption in between
and compares, and evaluates by kNN. Prints a table and writes FOLDER/table.md.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from mmdcl.provenance import provenance

ROOT = Path(__file__).resolve().parent.parent
EXTRA = dict(maintained='onedl', original='openmmlab')
COLUMNS = ('family', 'Python', 'torch', 'torchvision', 'mmengine', 'numpy')
STEPS = ('doctor', 'train', 'resume', 'kNN')
CONFIG = 'dcl_resnet18_1xb128_digits'
OPTIONS = ['train_cfg.val_interval=1', 'default_hooks.checkpoint.interval=1']
_SECONDS = 1800


class Stack(NamedTuple):
    """A family, a Python, and what is asked of torch."""

    family: str
    python: str
    torch: str


STACKS = [
    *(
        Stack('maintained', python, 'torch')
        for python in ('3.10', '3.11', '3.12', '3.13', '3.14')
    ),
    Stack('maintained', '3.10', 'torch==2.3.1'),
    Stack('original', '3.10', 'torch==2.1.2'),
    Stack('original', '3.11', 'torch==2.5.1'),
    Stack('original', '3.12', 'torch==2.5.1'),
]


class StackError(Exception):
    """A command that did not end well; its text is the first line of why."""


def run(words: list, place: Path) -> str:
    """What a command prints, in an environment free of this checkout's.

    Raises:
        StackError: It took too long, or its exit code was not 0.
    """
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('MMDCL', 'PYTHON', 'VIRTUAL_ENV'))
    }
    try:
        done = subprocess.run(
            list(map(str, words)),
            cwd=place,
            env={**clean, 'OMP_NUM_THREADS': '1'},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise StackError(f'no end after {_SECONDS} s') from None
    if done.returncode:
        lines = [x for x in done.stdout.splitlines() if x.strip()]
        errors = [x for x in lines if re.match(r'(\w+\.)*\w*[Ee]rror: ', x)]
        found = (errors or lines or [f'code {done.returncode}'])[-1]
        raise StackError(found.strip().replace('|', '/')[:160])
    return done.stdout


def build(stack: Stack, wheel: Path, environment: Path) -> None:
    """An environment with the wheel and what its family asks for.

    Raises:
        StackError: There is no such Python, or no set of versions fits.
    """
    place = environment.parent
    run(['uv', 'venv', '-q', '-p', stack.python, environment], place)
    wanted = f'mmdcl[{EXTRA[stack.family]},demo] @ {wheel.as_uri()}'
    python = environment / 'bin/python'
    install = ['uv', 'pip', 'install', '-q', '--python', python]
    run([*install, wanted, stack.torch], place)


def logged(work_dir: Path) -> dict[int, float]:
    """The loss by step, of the newest run."""
    newest = max(work_dir.glob('*/vis_data/scalars.json'))
    lines = map(json.loads, newest.read_text().splitlines())
    return {line['step']: line['loss'] for line in lines if 'loss' in line}


def try_out(environment: Path, place: Path) -> dict[str, str]:
    """How each step ended; those after a failure are left out."""
    mmdcl = environment / 'bin/mmdcl'
    found: dict[str, str] = {}

    def train(work_dir: str, epochs: int, *more: str) -> None:
        options = [*OPTIONS, f'train_cfg.max_epochs={epochs}']
        words = [mmdcl, 'demo', '--work-dir', work_dir, *more]
        run([*words, '--cfg-options', *options], place)

    step = 'doctor'
    try:
        run([mmdcl, 'doctor'], place)
        found[step] = 'works'
        step = 'train'
        train('whole', 2)
        found[step] = 'works'
        step = 'resume'
        train('halves', 1)
        train('halves', 2, '--resume')
        whole, half = logged(place / 'whole'), logged(place / 'halves')
        same = half and all(whole[x] == half[x] for x in half)
        found[step] = 'same losses' if same else 'other losses'
        step = 'kNN'
        out = place / 'knn.json'
        run([mmdcl, 'test', CONFIG, 'halves/epoch_2.pth', '--out', out], place)
        found[step] = f'{json.loads(out.read_text())["k20/accuracy/top1"]:.1f}'
    except StackError as error:
        found[step] = f'**fails**: `{error}`'
    return found


def examine(stack: Stack, wheel: Path, folder: Path) -> dict[str, str]:
    """A row of the table; the environment is gone afterwards."""
    row = dict(family=stack.family, Python=stack.python, torch=stack.torch)
    environment, place = folder / 'environment', folder / 'empty'
    place.mkdir()
    try:
        build(stack, wheel, environment)
        python = environment / 'bin/python'
        ask = 'import sys; print(sys.version.split()[0])'
        row['Python'] = run([python, '-c', ask], place).strip()
        freeze = ['uv', 'pip', 'freeze', '-q', '--python', python]
        for line in run(freeze, place).splitlines():
            name, _, version = line.partition('==')
            if name.removeprefix('onedl-') in COLUMNS:
                row[name.removeprefix('onedl-')] = version
        row |= try_out(environment, place)
    except StackError as error:
        row['doctor'] = f'**does not install**: `{error}`'
    finally:
        shutil.rmtree(environment, ignore_errors=True)
        shutil.rmtree(place)
    return row


def table(rows: list[dict[str, str]], where: dict[str, str]) -> str:
    """The rows in Markdown, and where they come from."""
    names = (*COLUMNS, *STEPS)
    lines = [f'| {" | ".join(names)} |', f'|{"---|" * len(names)}']
    for row in rows:
        lines.append(f'| {" | ".join(row.get(x, "") for x in names)} |')
    lines += ['', f'Machine: {where["machine"]}; commit {where["commit"]}.']
    return '\n'.join(lines) + '\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, help='folder; default: a new one')
    parser.add_argument(
        '--pythons', nargs='+', help='those versions only, such as 3.10'
    )
    parser.add_argument('--families', nargs='+', choices=EXTRA, default=EXTRA)
    args = parser.parse_args()
    folder = args.out or Path(tempfile.mkdtemp(prefix='matrix-'))
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    where = provenance(ROOT / 'mmdcl')  # what the wheel is built of
    run(['uv', 'build', '-q', '--wheel', '-o', folder, ROOT], folder)
    (wheel,) = folder.glob('*.whl')
    rows = []
    for stack in STACKS:
        wanted = not args.pythons or stack.python in args.pythons
        if wanted and stack.family in args.families:
            rows.append(examine(stack, wheel, folder))
            folder.joinpath('table.md').write_text(table(rows, where))
            print(rows[-1], flush=True)
    print(table(rows, where))
    print(folder / 'table.md')


if __name__ == '__main__':
    main()
