"""Seconds until a command says its first word, and until its first step.

    python tools/speed/startup.py --json startup.json

Each is a process of its own, as typed, in an empty folder; they take turns.
Time is CPU time of the process and its children; the first turn, which
compiles Python, is not counted. `first step` ends the process where the first
batch of the digits demo would be trained on: by `mmdcl train`, and by
mmpretrain's own tools/train.py with the same config.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from measure import Table, flags

# Ends the process where the first step begins.
STOP = """
import os
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class Stop(Hook):
    def before_train_iter(self, *args, **kwargs):
        os._exit(93)
"""
CONFIG = """
_base_ = __import__('mmdcl').config_path('dcl_resnet18_1xb128_digits')
custom_imports = dict(imports=['stop'])
custom_hooks = [dict(type='Stop')]
train_dataloader = dict(dataset=dict(indices=256))
"""
CONFIG_NAME = 'first_step.py'
STOPPED = 93  # the exit code above
MMDCL = ['-m', 'mmdcl']
COMMANDS = {
    'import mmdcl': ['-c', 'import mmdcl'],
    'mmdcl --help': [*MMDCL, '--help'],
    'mmdcl train --help': [*MMDCL, 'train', '--help'],
    'a misspelt config': [*MMDCL, 'train', 'dcl_resnt50_8xb32'],
    'a misspelt flag': [*MMDCL, 'train', 'dcl_resnet50_8xb32', '--wrok-dir'],
    'mmdcl evaluate --help': [*MMDCL, 'evaluate', '--help'],
    'import torch': ['-c', 'import torch'],
    'import mmpretrain': ['-c', 'import mmpretrain'],
    'import mmpretrain.models': ['-c', 'import mmpretrain.models'],
    'mmdcl train, first step': [*MMDCL, 'train', CONFIG_NAME],
}


def seconds(words: list[str], place: Path) -> float:
    """CPU time of one process, which must have come to its first step."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=place,
        env={**os.environ, 'PYTHONPATH': str(place)},
        capture_output=True,
    )
    if CONFIG_NAME in words and done.returncode != STOPPED:
        sys.exit(f'{words} did not start: {done.stderr.decode()[-999:]}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(
        getattr(after, x) - getattr(before, x)
        for x in ('ru_utime', 'ru_stime')
    )


def commands() -> dict[str, list[str]]:
    """Ours and, where it is installed, mmpretrain's."""
    spec = find_spec('mmpretrain')
    folders = spec.submodule_search_locations if spec else None
    upstream = Path(folders[0], '.mim/tools/train.py') if folders else None
    if upstream is None or not upstream.is_file():
        return COMMANDS
    theirs = [str(upstream), CONFIG_NAME]
    return COMMANDS | {"mmpretrain's train.py, first step": theirs}


def main() -> None:
    there = commands()
    parser = flags(__doc__, rounds=7)
    parser.add_argument('--peers', nargs='+', choices=there, default=there)
    args = parser.parse_args()
    there = {name: there[name] for name in args.peers}
    table = Table('', 'CPU seconds', 'from', 'to')
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.joinpath('stop.py').write_text(STOP)
        place.joinpath(CONFIG_NAME).write_text(CONFIG)
        turns = [
            {name: seconds(words, place) for name, words in there.items()}
            for _ in range(args.rounds + 1)
        ][1:]
    for name in there:
        each = [turn[name] for turn in turns]
        cells = [round(x, 3) for x in (min(each), max(each))]
        row = dict(
            name=name,
            seconds=round(statistics.median(each), 3),
            least=cells[0],
            most=cells[1],
            rounds=args.rounds,
        )
        table.add(row, name, row['seconds'], *cells)
    table.write(args.json)


if __name__ == '__main__':
    main()
