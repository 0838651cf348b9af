"""``--gpus N``: one process a GPU, by torchrun, on one node or several."""

import json
import logging
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from ..command import COMMAND, typed

REPORT = 'MMDCL_REPORT'  # environment: folder where ranks say how they end
# Slurm's notice is passed on, too (by versions of torchrun that can).
_SIGNALS = 'SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1'


def meeting_place() -> list[str]:
    """Flags of torchrun: on one node a free port is taken unless told."""
    nodes = os.environ.get('NNODES', '1')
    port = os.environ.get('PORT')
    if nodes == '1' and not port:
        return ['--standalone', '--local-addr=127.0.0.1']
    return [
        f'--nnodes={nodes}',
        f'--node_rank={os.environ.get("NODE_RANK", "0")}',
        f'--master_addr={os.environ.get("MASTER_ADDR", "127.0.0.1")}',
        f'--master_port={port or 29500}',
    ]


def without_gpus(words: Sequence[str]) -> list[str]:
    """The words of a command, its ``--gpus N`` left out."""
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word == '--gpus':
            skip = True
        elif not word.startswith('--gpus='):
            kept.append(word)
    return kept


def start_ranks(number: int, program: Sequence[str]) -> NoReturn:
    """Run a program in several processes, and exit as they do.

    Args:
        number: Of processes on this node.
        program: A script or ``--module NAME``, and its arguments.
    """
    if number < 1:
        sys.exit(f'error: --gpus must be at least 1, got {number}')
    # Slow to import, and --help needs none of it.
    import torch
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import (
        ChildFailedError,
    )
    from torch.distributed.run import parse_args
    from torch.distributed.run import run as torchrun

    there = torch.cuda.device_count()
    if there and number > there:
        sys.exit(f'error: --gpus {number}, but this node has {there}')
    os.environ.setdefault(COMMAND, shlex.join(typed() or sys.argv))
    os.environ.setdefault('PET_SIGNALS_TO_HANDLE', _SIGNALS)
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    flags = [*meeting_place(), f'--nproc_per_node={number}']
    # What torchrun says of its own, beside what the ranks say.
    logging.disable(logging.CRITICAL)
    with TemporaryDirectory() as folder:
        os.environ[REPORT] = folder
        try:
            torchrun(parse_args([*flags, *program]))
        except ChildFailedError as error:
            _exit_as(folder, *error.get_first_failure())
        except SignalException as told:
            ends = _reports(folder)
            saved = bool(ends) and all(end['code'] == 75 for end in ends)
            sys.exit(75 if saved else 128 + int(told.sigval))
        finally:
            del os.environ[REPORT]  # that of the ranks, not of this process
    sys.exit(0)


def report(text: str, code: object) -> bool:
    """Hand on how this rank ends; whether there is who takes it."""
    folder = os.environ.get(REPORT)
    if not folder:
        return False
    end = dict(time=time.time(), text=text, code=code)
    Path(folder, os.environ.get('RANK', '0')).write_text(json.dumps(end))
    return True


def _reports(folder: str) -> list[dict]:
    """How ranks ended by themselves, the first to end first."""
    ends = [json.loads(path.read_text()) for path in Path(folder).iterdir()]
    return sorted(ends, key=lambda end: end['time'])


def _exit_as(folder: str, rank: int, failure: Any) -> NoReturn:
    """End as the first rank that failed: by what it said, or its code."""
    for end in _reports(folder):
        if end['text']:
            sys.exit(end['text'])
    code = failure.exitcode
    how = f'with code {code}' if code > 0 else f'by signal {-code}'
    print(f'rank {rank} (process {failure.pid}) ended {how}', file=sys.stderr)
    sys.exit(code if code > 0 else 128 - code)
