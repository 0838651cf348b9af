"""Run a function on several gloo processes and collect what they return."""

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

SECONDS = 600
# Processes are forked from a server that has imported what is slow to import.
multiprocessing.set_forkserver_preload(
    [
        *(f'mmpretrain.{x}' for x in ('models', 'datasets', 'evaluation')),
        *(f'mmdcl.{x}' for x in ('models', 'datasets', 'engine')),
        'matplotlib.pyplot',
        'sklearn.datasets',
    ]
)


def _process(
    rank: int, ranks: int, folder: str, function: Callable, args: tuple
) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=ranks,
    )
    torch.save(function(rank, *args), f'{folder}/{rank}.pt')
    dist.barrier()  # nobody leaves while another still talks


def on_ranks(ranks: int, function: Callable, *args: Any) -> list:
    """``[function(rank, *args) for each rank]``, in that many processes."""
    with TemporaryDirectory() as folder:
        context = mp.start_processes(
            _process,
            (ranks, folder, function, args),
            nprocs=ranks,
            join=False,
            start_method='forkserver',
        )
        deadline = time.monotonic() + SECONDS
        while not context.join(timeout=1):
            if time.monotonic() > deadline:
                for process in context.processes:
                    process.kill()
                # An old Python may be why: see may_hang_at_fork.
                raise TimeoutError(f'{ranks} ranks: no end in {SECONDS} s')
        return [
            torch.load(Path(folder, f'{rank}.pt'), weights_only=True)
            for rank in range(ranks)
        ]
