"""What of a machine training needs: GPUs and their driver, cores, room."""

import multiprocessing
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

from ...provenance import cores
from .known_pairs import Problem, install

_ROOM = 2e9  # bytes: some checkpoints and logs of a ResNet-50


def machine_facts() -> dict[str, Any]:
    """Driver, cores, threads, start of workers, and bytes that are free."""
    try:
        free = shutil.disk_usage('.').free
    except OSError:  # the folder is gone
        free = 0
    return dict(
        driver=_driver(),
        cores=cores(),
        threads=os.environ.get('OMP_NUM_THREADS'),
        start_method=multiprocessing.get_start_method(),
        free_bytes=free,
    )


def machine_problems(facts: Mapping[str, Any]) -> Iterator[Problem]:
    """What warns of it.

    Args:
        facts: Of :func:`machine_facts`, and those of the doctor.
    """
    trial, torch = facts['trial'], facts['torch']
    if facts['driver'] and torch and 'cuda' in trial:
        hidden = os.environ.get('CUDA_VISIBLE_DEVICES') in ('', '-1')
        if not trial['cuda']:
            yield Problem(
                f'there is a GPU, but torch {torch} is built without CUDA',
                install('--force-reinstall torch torchvision'),
                False,
            )
        elif not trial['cuda_works'] and not hidden:
            yield Problem(
                f'there is a GPU, but its driver, {facts["driver"]}, does not '
                f'serve CUDA {trial["cuda"]} of torch {torch}',
                'update the driver, or install a torch for an older CUDA',
                False,
            )
    operators = trial.get('operators', 'none')
    if operators not in ('compiled', 'none'):
        yield Problem(
            f'compiled operators of mmcv do not load: {operators}',
            'build them for this torch, by tools/build_mmcv.sh',
            False,
        )
    if trial.get('may_hang_at_fork'):
        yield Problem(
            f'Python {facts["python"]} may hang, very seldom, as it forks '
            'workers of a dataloader beside other threads (cpython issue '
            '112275)',
            'a newer Python (3.10.15, 3.11.10, 3.12); or go on by --resume',
            False,
        )
    if facts['free_bytes'] < _ROOM:
        yield Problem(
            f'{facts["free_bytes"] / 1e9:.1f} GB are free in this folder',
            'free some, or use another disk by --work-dir',
            False,
        )


def _driver() -> str | None:
    """Version of the driver of NVIDIA's GPUs, if there are any."""
    program = shutil.which('nvidia-smi')
    if program is None:
        return None
    query = [program, '--query-gpu=driver_version', '--format=csv,noheader']
    try:
        done = subprocess.run(
            query, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.partition('\n')[0].strip() or None
