"""How this process was started, and is started again."""

import os
import shlex
import sys
from pathlib import Path

_OURS = ('train.py', 'evaluate.py')
COMMAND = 'MMDCL_COMMAND'  # environment: how a launcher was called


def how_to_resume() -> str:
    """This process's command, with a bare ``--resume``."""
    launched = os.environ.get(COMMAND)
    name = Path(sys.argv[0]).name
    # Of a launcher that is not ours, words that it was called with are lost.
    known = name in _OURS and 'TORCHELASTIC_RUN_ID' not in os.environ
    if not launched and not known:
        return 'the same command, with --resume (or resume=True as config)'
    words = shlex.split(launched) if launched else ['python', *sys.argv]
    kept: list[str] = []
    after_resume = False
    for word in words:
        if after_resume and not word.startswith('-'):
            after_resume = False
            continue
        resumes = word == '--resume'
        after_resume = resumes and name == 'train.py'  # takes a path
        if not resumes and not word.startswith('--resume='):
            kept.append(word)
    return f'{shlex.join(kept)} --resume'
