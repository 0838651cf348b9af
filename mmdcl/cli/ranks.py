"""``--gpus N``: one process a GPU, by torchrun, on one node or several."""

import logging
import os
import shlex
import sys
from collections.abc import Sequence
from typing import NoReturn

from ..command import COMMAND, typed

REPORT = 'MMDCL_REPORT'  # environment: errors go to who started the ranks
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
    os.environ[REPORT] = '1'
    # What it says of its own, beside what the ranks say.
    logging.getLogger('torch.distributed').setLevel(logging.CRITICAL)
    flags = [*meeting_place(), f'--nproc_per_node={number}']
    try:
        torchrun(parse_args([*flags, *program]))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        code = failure.exitcode
        if failure.error_file != '<N/A>':
            sys.exit(_text(failure.message))
        print(
            f'rank {rank} (process {failure.pid}) ended '
            + (f'with code {code}' if code > 0 else f'by signal {-code}'),
            file=sys.stderr,
        )
        sys.exit(code if code > 0 else 128 - code)
    except SignalException as told:
        sys.exit(128 + int(told.sigval))
    sys.exit(0)


def _text(message: object) -> str:
    return str(
        message.get('message') if isinstance(message, dict) else message
    )
