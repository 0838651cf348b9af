"""``mmdcl doctor``: can training work on this machine?

Reads what is installed without importing it, then lets another process try
(``mmdcl.cli.doctor.trial``): what is broken there breaks nothing here.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ... import __version__
from .distributions import (
    MAINTAINED,
    ORIGINAL,
    distributions,
    family_of,
    installed,
    needs_of,
)
from .known_pairs import Problem, files_gone, install, known_problems
from .machine import machine_facts, machine_problems

_SECONDS = 300  # for the trial: imports from a slow disk
_TRIAL = (
    'import sys; sys.path[:] = {}; from mmdcl.cli.doctor.trial import main'
)


def run(args: argparse.Namespace) -> None:
    """Print what is here, then what is wrong and what mends it.

    Raises:
        SystemExit: With code 1, if training cannot work.
    """
    facts, problems = examine()
    works = not any(problem.breaks for problem in problems)
    if args.json:
        told = [problem._asdict() for problem in problems]
        print(json.dumps(dict(works=works, **facts, problems=told), indent=2))
    else:
        for name, text in _rows(facts):
            print(f'{name:11}  {text}')
        for problem in problems:
            kind = 'BROKEN' if problem.breaks else 'warning'
            print(f'\n{kind}: {problem.text}\n  mend: {problem.mend}')
    if not works:
        sys.exit(1)


def examine() -> tuple[dict[str, Any], list[Problem]]:
    """Facts, as ``--json`` prints them, and problems."""
    have = distributions()
    trial = try_training()
    facts = dict(
        mmdcl=__version__,
        folder=str(Path(__file__).resolve().parents[2]),
        python='.'.join(map(str, sys.version_info[:3])),
        executable=sys.executable,
        family=family_of(have),
        packages={
            name: {
                x: have[x]
                for x in (*MAINTAINED[name], *ORIGINAL[name])
                if x in have
            }
            for name in MAINTAINED
        },
        torch=have.get('torch'),
        torchvision=have.get('torchvision'),
        numpy=have.get('numpy'),
        trial=trial,
        **machine_facts(),
    )
    needs = needs_of('torchvision', 'torch')
    problems = [*known_problems(have, needs), *files_gone(have)]
    if trial['failed'] and not any(x.breaks for x in problems):
        problems.append(_unknown(trial, have))
    return facts, [*problems, *machine_problems(facts)]


def try_training() -> dict[str, Any]:
    """What the trial told, and ``failed``: where and how, or ''."""
    program = _TRIAL.format(sys.path) + '; main()'
    try:
        done = subprocess.run(
            [sys.executable, '-c', program],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        said, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as hung:
        # Of a process that was stopped it is bytes, whatever was asked for.
        said, code = bytes(hung.stdout or b'').decode(), None
    facts: dict[str, Any] = dict(stage='start')
    for line in said.splitlines():
        if line.startswith('{') and line.endswith('}'):
            facts.update(json.loads(line))
    stage, error = facts.pop('stage'), facts.pop('error', None)
    if stage and error is None:
        end = f'ended with code {code}' if code else 'ended'
        error = f'no answer for {_SECONDS} s' if code is None else end
    facts['failed'] = f'{stage}: {error}' if stage else ''
    return facts


def _unknown(trial: Mapping[str, Any], have: Mapping[str, str]) -> Problem:
    """A failure that no rule foresaw: put in again what was tried."""
    name = trial['failed'].partition(':')[0].removeprefix('import ')
    again = [
        x
        for x in (name, *MAINTAINED.get(name, ()), *ORIGINAL.get(name, ()))
        if x in have
    ] or ['torch', 'torchvision', *installed(MAINTAINED, have)]
    words = ' '.join(f'{x}=={have[x]}' for x in again if x in have)
    return Problem(
        trial['failed'], install(f'--force-reinstall --no-deps {words}'), True
    )


def _rows(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The lines on the screen: a name and a text."""
    trial = facts['trial']
    yield 'mmdcl', f'{facts["mmdcl"]}, {facts["folder"]}'
    yield 'Python', f'{facts["python"]}, {facts["executable"]}'
    yield 'OpenMMLab', f'packages: {facts["family"]}'
    for name, found in facts['packages'].items():
        text = ' and '.join(f'{x} {found[x]}' for x in found) or '-'
        if name == 'mmcv' and 'operators' in trial:
            text += (
                ', compiled operators'
                if trial['operators'] == 'compiled'
                else ", torchvision's operators stand in"
            )
        yield name, text
    built = ''
    if 'cuda' in trial:
        cuda = trial['cuda']
        built = f', built for {f"CUDA {cuda}" if cuda else "CPUs"}'
    yield 'torch', f'{facts["torch"] or "-"}{built}'
    yield 'torchvision', facts['torchvision'] or '-'
    yield 'numpy', facts['numpy'] or '-'
    driver = f', driver {facts["driver"]}' if facts['driver'] else ''
    yield 'GPUs', f'{"; ".join(trial.get("gpus", [])) or "none"}{driver}'
    threads = facts['threads'] or 'not set'
    yield 'cores', f'{facts["cores"]}, OMP_NUM_THREADS {threads}'
    yield 'workers', f'start by {facts["start_method"]}, if a config is silent'
    yield 'disk', f'{facts["free_bytes"] / 1e9:.0f} GB free here'
    end = f'fails at {trial["failed"]}'
    if not trial['failed']:
        end = f'a step of SimCLR with DCL on {trial["device"]} works, '
        end += f'{trial["seconds"]:.1f} s with all imports'
    yield 'training', end
