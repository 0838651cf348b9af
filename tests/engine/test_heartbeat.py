"""A rank that is stopped or hangs is named, and the others end."""

import multiprocessing
import os
import signal
import sys
import time

import pytest
import torch.distributed as dist
from mmengine.hooks import Hook
from torch.utils.data import DataLoader

from mmdcl.engine.heartbeat import HeartbeatHook, may_hang_at_fork
from tests.engine.test_train_loop import on, train


class Silent(Hook):
    """The second rank stops, or its main thread hangs."""

    def __init__(self, how: str) -> None:
        self.how = how

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        if runner.rank == 1 and runner.iter == 6:
            if self.how == 'stops':
                os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(100)


def rank(number, folder, how):
    where = f'file://{folder}/rendezvous'
    dist.init_process_group(
        'gloo', init_method=where, rank=number, world_size=2
    )
    hooks = [
        dict(type='mmdcl.HeartbeatHook', timeout=6, patience=60),
        dict(type=Silent, how=how),
    ]
    train(number, folder, 2, custom_hooks=hooks)


@pytest.mark.parametrize('how', ['stops', 'hangs'])
def test_a_silent_rank_is_named(how, tmp_path):
    context = multiprocessing.get_context('forkserver')
    ranks = [
        context.Process(target=rank, args=(i, str(tmp_path), how))
        for i in range(2)
    ]
    for process in ranks:
        process.start()
    try:
        ranks[0].join(120)
        assert ranks[0].exitcode == 1
        if how == 'hangs':
            ranks[1].join(60)
            assert ranks[1].exitcode == 1
    finally:
        for process in ranks:
            process.kill()
    said = next(tmp_path.glob('*/*.log')).read_text()
    assert f'rank 1 (process {ranks[1].pid} on ' in said
    # Its last sign may be heard after its last step.
    assert 'not got further' in said or (
        how == 'stops' and 'no sign of life' in said
    )


def test_ranks_that_work_are_left_alone(tmp_path):
    """Also when validation takes longer than a step may."""
    hook = dict(type='mmdcl.HeartbeatHook', timeout=3)
    slow = dict(type=Slow, seconds=5)
    found = on(2, tmp_path, custom_hooks=[hook, slow])
    assert found[0]['iteration'] == 12


class Slow(Hook):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def after_val_iter(self, runner, *args, **kwargs) -> None:
        if runner.rank == 0 and runner.iter == 4:
            time.sleep(self.seconds)


@pytest.mark.parametrize('wrong', ['300', -1, True])
def test_times_are_numbers(wrong):
    with pytest.raises(ValueError, match='`timeout` must be a number'):
        HeartbeatHook(timeout=wrong)


@pytest.mark.parametrize(
    ('version', 'workers', 'context', 'may'),
    [
        ((3, 10, 14), 2, None, True),
        ((3, 10, 15), 2, None, False),
        ((3, 11, 9), 2, 'fork', True),
        ((3, 11, 9), 2, 'spawn', False),
        ((3, 11, 9), 0, None, False),
        ((3, 11, 10), 2, None, False),
        ((3, 12, 0), 2, None, False),
    ],
)
def test_pythons_that_may_hang_at_a_fork(
    version, workers, context, may, monkeypatch
):
    monkeypatch.setattr(sys, 'version_info', version)
    options = dict(num_workers=workers, multiprocessing_context=context)
    assert may_hang_at_fork(DataLoader([0], **options)) == may
