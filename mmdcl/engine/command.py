"""How this process was started, and is started again."""

import os
import shlex
import sys
from pathlib import Path

COMMAND = 'MMDCL_COMMAND'  # environment: how a launcher was called


def how_to_resume() -> str:
    """This process's command, with a bare ``--resume``."""
    launched = os.environ.get(COMMAND)
    if not launched and Path(sys.argv[0]).name != 'train.py':
        return 'the same command, with --resume (or resume=True as config)'
    words = shlex.split(launched) if launched else ['python', *sys.argv]
    kept: list[str] = []
    after_resume = False
    for word in words:
        if after_resume and not word.startswith('-'):
            after_resume = False
            continue
        after_resume = word == '--resume'
        if not after_resume and not word.startswith('--resume='):
            kept.append(word)
    return f'{shlex.join(kept)} --resume'
