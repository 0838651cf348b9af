"""Commands as the documentation has them, each in a process of its own."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / 'README.md',
    *sorted(ROOT.glob('docs/*.md')),
    ROOT / 'configs/benchmarks/README.md',
)
_SECONDS = 1500
_VARIABLE = re.compile(r'(\w+)=(.*)', re.S)
_TRAINS = re.compile(r'\bmmdcl (train|demo)\b|^python tools/train\.py')


def blocks(language: str) -> list[str]:
    """Every block of that language, of all pages."""
    fence = re.compile(rf'^```{language}\n(.*?)^```', re.S | re.M)
    return [text for page in PAGES for text in fence.findall(page.read_text())]


def block(part: str) -> str:
    """The block of Python that is meant by a part of it."""
    found = meant(part, blocks('python'))
    assert found, part
    return found


def documented() -> list[str]:
    """Every command in the blocks of shell, once.

    Lines that go on are joined; a here-document and what only names a
    variable are left out.
    """
    found = []
    for text in blocks('bash'):
        text = re.sub(r"<<'(\w+)'\n.*?\n\1\n", '\n', text, flags=re.S)
        lines = text.replace('\\\n', ' ').splitlines()
        lines = [' '.join(line.partition(' # ')[0].split()) for line in lines]
        found += [
            line
            for line in lines
            if line and not re.fullmatch(r'\w+=\S+', line)
        ]
    return list(dict.fromkeys(found))


def command_with(part: str) -> str:
    """The documented command that is meant by a part of it."""
    found = meant(part, documented())
    assert found, part
    return found


def meant(part: str, texts: list[str]) -> str | None:
    """The text that equals ``part``, or the only one with it, or at its end.

    Returns:
        Nothing if there is none, or if there are several.
    """
    holds = [text for text in texts if part in text]
    ends = [text for text in holds if text.endswith(part)]
    for found in ([part] if part in texts else [], holds, ends):
        if len(found) == 1:
            return found[0]
    return None


def typed(
    part: str,
    place: Path,
    *options: str,
    instead: dict[str, str] | None = None,
    code: int = 0,
    report: bool = False,
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
        report: If it trains, let it write the page at the end, too, which
            takes longer than so small a training.
    """
    words, variables = split(command_with(part), instead)
    if not report and _TRAINS.search(' '.join(words)):
        options = (*options, '--no-report')
    return run([*words, *options], place, code, **variables)


def split(
    command: str, instead: dict[str, str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """Its words, and the variables that it sets before them.

    Args:
        command: As documented.
        instead: Parts of it, and what stands for them here.
    """
    for part, other in (instead or {}).items():
        assert part in command, command
        command = command.replace(part, other)
    words = shlex.split(command)
    variables = {}
    while set_here := _VARIABLE.fullmatch(words[0]):
        variables[set_here[1]] = set_here[2]
        del words[0]
    return words, variables


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
