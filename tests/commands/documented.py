"""Commands as the documentation has them, each in a process of its own."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / 'README.md', ROOT / 'configs/benchmarks/README.md')
_SECONDS = 1500


def documented() -> list[str]:
    """Every command of ours in the blocks of shell, its lines joined."""
    found = []
    for page in PAGES:
        for block in re.findall(r'```bash\n(.*?)```', page.read_text(), re.S):
            lines = block.replace('\\\n', ' ').splitlines()
            ours = [line.partition(' # ')[0] for line in lines]
            ours = [line for line in ours if re.match(r'\S+ tools/', line)]
            found += [' '.join(line.split()) for line in ours]
    return found


def command_with(part: str) -> str:
    """The documented command with this in it."""
    found = [command for command in documented() if part in command]
    if len(found) > 1:
        found = [command for command in found if command.endswith(part)]
    assert len(found) == 1, f'{part}: {found}'
    return found[0]


def typed(
    part: str,
    place: Path,
    *options: str,
    instead: dict[str, str] | None = None,
    code: int = 0,
) -> str:
    """Run the documented command with ``part``, made small by ``options``.

    It runs in ``place``, which is outside of the checkout, with what a user's
    shell has. Returns what it printed.

    Args:
        part: In one documented command.
        place: The working folder.
        *options: Appended, as words.
        instead: Words of it, and what stands for them here.
        code: The exit code it must have.
    """
    command = command_with(part)
    for word, other in (instead or {}).items():
        assert word in command, command
        command = command.replace(word, other)
    return run([*shlex.split(command), *options], place, code)


def prepared(words: list, place: Path, **variables: str) -> dict:
    """A command in ``place``, ours from this checkout, for `subprocess`."""
    words = list(map(str, words))
    for i, word in enumerate(words):
        if word.startswith(('tools/', 'configs/')):
            words[i] = str(ROOT / word)
    # What make and pytest put there, a user has not.
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('PYTEST', 'MAKE', 'COV_', 'MMDCL'))
        and name not in ('PYTHONPATH', 'PORT', 'RANK', 'WORLD_SIZE')
    }
    binaries = Path(sys.executable).parent  # the environment is activated
    clean['PATH'] = f'{binaries}{os.pathsep}{clean["PATH"]}'
    return dict(
        args=words,
        cwd=place,
        env={**clean, **variables},
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(words: list, place: Path, code: int = 0, **variables: str) -> str:
    """Run a command in ``place``, ours from this checkout."""
    done = subprocess.run(
        **prepared(words, place, **variables),
        stdout=subprocess.PIPE,
        timeout=_SECONDS,
    )
    said = done.stdout
    shown = f'{shlex.join(done.args)}\n{said[-6000:]}'
    assert done.returncode == code, f'exit code {done.returncode}: {shown}'
    assert 'Traceback' not in said, shown
    return said


def logged(work_dir: Path, key: str = '') -> list[dict]:
    """The lines of the newest run's log of numbers, those with a key."""
    newest = max(work_dir.glob('*/vis_data/scalars.json'))
    lines = map(json.loads, newest.read_text().splitlines())
    return [line for line in lines if not key or key in line]
