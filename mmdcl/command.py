"""How this process was started, and is started again."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

COMMAND = 'MMDCL_COMMAND'  # environment: how a launcher was called
_SCRIPTS = ('train.py', 'evaluate.py')
_WITH_A_PATH = ('train.py', 'train', 'demo')  # --resume CHECKPOINT


def typed() -> list[str] | None:
    """The words that started this process; None if they cannot be known."""
    launched = os.environ.get(COMMAND)
    if launched:
        return shlex.split(launched)
    program = Path(sys.argv[0])
    # Of a launcher that is not ours, words that it was called with are lost.
    if 'TORCHELASTIC_RUN_ID' in os.environ:
        return None
    if program.name in _SCRIPTS:
        return ['python', *sys.argv]
    if program.name == 'mmdcl':
        return ['mmdcl', *sys.argv[1:]]
    if program.parts[-2:] == ('mmdcl', '__main__.py'):
        return ['python', '-m', 'mmdcl', *sys.argv[1:]]
    return None


def how_to_resume() -> str:
    """This process's command, with a bare ``--resume``."""
    words = typed()
    if words is None:
        return 'the same command, with --resume (or resume=True as config)'
    return resumed(words)


def resumed(words: Sequence[str]) -> str:
    """A command, with a bare ``--resume`` instead of what it had of it."""
    takes_path = any(Path(x).name in _WITH_A_PATH for x in words[:4])
    kept: list[str] = []
    after_resume = False
    for word in words:
        if after_resume and not word.startswith('-'):
            after_resume = False
            continue
        resumes = word == '--resume'
        after_resume = resumes and takes_path
        if not resumes and not word.startswith('--resume='):
            kept.append(word)
    return f'{shlex.join(kept)} --resume'
