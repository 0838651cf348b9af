"""Told to end, training saves all, and goes on as if nothing had been."""

import multiprocessing
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest
import torch
from mmengine.hooks import EMAHook, Hook
from torch.multiprocessing import ProcessExitedException

from mmdcl.command import COMMAND, how_to_resume
from mmdcl.engine import interrupt, signals
from tests.engine.test_iter_train_loop import ENDLESS, iterations
from tests.engine.test_train_loop import (
    EVERY_5,
    Validations,
    assert_identical,
    build,
    on,
)
from tests.ranks import on_ranks

pytestmark = pytest.mark.usefixtures('_interruptible')
HOOK = dict(type='mmdcl.InterruptHook')
PARTS = ('state_dict', 'optimizer', 'param_schedulers', 'ema_state_dict')


class Send(Hook):
    """A signal to one rank and to its workers, at a point of training."""

    priority = 'VERY_LOW'

    def __init__(self, where, at=None, name='SIGTERM', rank=0, times=1):
        self.where, self.at, self.rank, self.times = where, at, rank, times
        self.number = getattr(signal, name)
        setattr(self, where, self.send)

    def send(self, runner, *args, **kwargs) -> None:
        if self.at not in (None, runner.iter) or runner.rank != self.rank:
            return
        self.at = -1  # once
        workers = [child.pid for child in multiprocessing.active_children()]
        for _ in range(self.times):
            for pid in [*workers, os.getpid()]:
                os.kill(pid, self.number)


def hooks(*args, **kwargs):
    return dict(custom_hooks=[HOOK, dict(type=Send, **kwargs)])


def names(folder):
    return {path.name for path in Path(folder).glob('*.pth*')}


def last(folder):
    """All of the last checkpoint that training goes on from."""
    path = Path(folder, 'last_checkpoint').read_text()
    found = torch.load(path, weights_only=False)
    parts = {part: found[part] for part in PARTS if part in found}
    parts['param_schedulers'] = [
        (schedule['last_step'], schedule['_last_value'])
        for schedule in parts['param_schedulers']
    ]
    return dict(parts, at=(found['meta']['iter'], found['meta']['epoch']))


def interrupted(work_dir, resumed=None, **setting):
    """Train, be told to end; how the last checkpoint is called."""
    run = build(work_dir, **setting)
    with pytest.raises(interrupt.Interrupted) as end:
        run.train()
    assert end.value.code == 75
    return run


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('ranks', [1, 2])
def test_goes_on_as_if_uninterrupted(ranks, workers, tmp_path):
    """One rank and its workers get SIGTERM; all end at the same step."""
    setting = dict(workers=workers, custom_hooks=[HOOK])
    expected = on(ranks, tmp_path / 'whole', **setting)
    work_dir = tmp_path / 'told'
    told = setting | hooks(where='before_train_iter', at=6, rank=ranks - 1)
    with pytest.raises(ProcessExitedException, match='exit code 75'):
        on(ranks, work_dir, **told)
    assert names(work_dir) == {'iter_5.pth', 'iter_7.pth'}
    assert last(work_dir)['at'] == (7, 1)
    assert 'iteration 7 of 12, saved in' in log(work_dir)
    found = on(ranks, work_dir, resume=True, **setting)
    assert_identical(found[0], expected[0])
    assert names(work_dir) == names(tmp_path / 'whole')
    assert_identical(last(work_dir), last(tmp_path / 'whole'))


def log(folder):
    return '\n'.join(
        path.read_text() for path in sorted(Path(folder).glob('*/*.log'))
    )


@pytest.mark.parametrize(
    ('kind', 'name'), [('epochs', 'SIGINT'), ('iterations', 'SIGUSR1')]
)
def test_at_the_end_of_an_epoch(kind, name, tmp_path):
    """With the epoch's validation still to come."""
    setting = iterations(sampler=ENDLESS) if kind == 'iterations' else {}
    build(tmp_path / 'whole', **setting).train()
    told = hooks(where='before_train_iter', at=7, name=name)
    interrupted(tmp_path / 'told', **setting, **told)
    assert last(tmp_path / 'told')['at'][0] == 8
    seen = Validations()
    run = build(tmp_path / 'told', resume=True, custom_hooks=[HOOK], **setting)
    run.register_hook(seen)
    run.train()
    assert len(seen.epochs) == 2
    assert names(tmp_path / 'told') == {'iter_12.pth'}
    assert_identical(last(tmp_path / 'told'), last(tmp_path / 'whole'))


@pytest.mark.parametrize(
    ('where', 'interval'), [('after_bank_iter', 1), ('after_val_iter', 3)]
)
def test_during_validation(where, interval, tmp_path):
    """It is given up, and made up for; nothing is saved twice."""
    hook = dict(EVERY_5, interval=interval, by_epoch=True)
    setting = dict(default_hooks=dict(checkpoint=hook))
    interrupted(tmp_path, **setting, **hooks(where=where, at=4))
    wanted = {'epoch_1.pth'} if interval == 1 else {'iter_4.pth'}
    assert names(tmp_path) == wanted
    seen = Validations()
    run = build(tmp_path, resume=True, custom_hooks=[HOOK], **setting)
    run.register_hook(seen)
    run.train()
    assert seen.epochs == [1, 2, 3]
    assert names(tmp_path) == {'epoch_3.pth'}


def test_averaged_weights_are_not_saved_as_the_trained_ones(tmp_path):
    """EMAHook exchanges them for the time of a validation."""
    average = dict(type=EMAHook, momentum=0.1)
    build(tmp_path / 'whole', custom_hooks=[average]).train()
    told = hooks(where='after_bank_iter', at=4)
    told['custom_hooks'].append(average)
    interrupted(tmp_path / 'told', **told)
    both = [average, HOOK]
    build(tmp_path / 'told', resume=True, custom_hooks=both).train()
    assert_identical(last(tmp_path / 'told'), last(tmp_path / 'whole'))


def test_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    def fsync(file, sync=os.fsync):
        os.kill(os.getpid(), signal.SIGTERM)
        sync(file)

    monkeypatch.setattr(os, 'fsync', fsync)
    interrupted(tmp_path, custom_hooks=[HOOK])
    assert names(tmp_path) == {'iter_5.pth'}
    assert last(tmp_path)['at'] == (5, 1)


def test_before_the_first_step_there_is_nothing_to_save(tmp_path, capfd):
    told = hooks(where='before_train_iter', at=0)
    interrupted(tmp_path, **told)
    assert names(tmp_path) == set()
    assert 'before the first step' in capfd.readouterr().err


def two_signals(rank, work_dir):
    signals._TOGETHER = -1
    told = hooks(where='before_train_iter', at=6, times=2)
    build(work_dir, workers=2, **told).train()


def test_a_second_signal_ends_at_once(tmp_path):
    with pytest.raises(ProcessExitedException, match='SIGTERM'):
        on_ranks(1, two_signals, str(tmp_path))
    assert names(tmp_path) == {'iter_5.pth'}


def test_signals_passed_on_twice_count_once(tmp_path):
    told = hooks(where='before_train_iter', at=6, times=2)
    run = interrupted(tmp_path, **told)
    assert run.iter == 6
    assert names(tmp_path) == {'iter_5.pth', 'iter_7.pth'}


class Fail(Hook):
    def before_train_iter(self, *args, **kwargs) -> None:
        raise RuntimeError('failed')


def test_afterwards_signals_do_what_they_did(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    build(tmp_path, custom_hooks=[HOOK]).train()
    assert signal.getsignal(signal.SIGINT) is before
    run = build(tmp_path, custom_hooks=[HOOK, dict(type=Fail)])
    with pytest.raises(RuntimeError, match='failed'):
        run.train()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_ignored_stays_ignored(tmp_path, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        told = hooks(where='before_train_iter', at=6, name='SIGHUP')
        run = build(tmp_path, **told)
        run.train()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert run.iter == 12


def test_a_file_of_another_run_is_not_removed(tmp_path):
    """Only what was resumed, and only if it was an interruption's."""
    interrupted(tmp_path / 'a', **hooks(where='before_train_iter', at=6))
    build(tmp_path / 'b').train()
    (tmp_path / 'b' / 'iter_7.pth').write_text('precious')
    build(
        tmp_path / 'b',
        load_from=str(tmp_path / 'a' / 'iter_7.pth'),
        resume=True,
        custom_hooks=[HOOK],
    ).train()
    assert names(tmp_path / 'b') == {'iter_7.pth', 'iter_12.pth'}
    assert 'iter_7.pth' in names(tmp_path / 'a')


@pytest.mark.parametrize(
    ('words', 'wanted'),
    [
        ('tools/train.py c.py', 'tools/train.py c.py'),
        ('train.py c.py --resume', 'train.py c.py'),
        ('train.py --resume old.pth c.py', 'train.py c.py'),
        ('train.py c.py --resume=old.pth --amp', 'train.py c.py --amp'),
        ("train.py 'my c.py' --resume --amp", "train.py 'my c.py' --amp"),
        ('evaluate.py --resume c.pth --amp', 'evaluate.py c.pth --amp'),
    ],
)
def test_the_command_to_go_on_with(words, wanted, monkeypatch):
    monkeypatch.setattr(sys, 'argv', shlex.split(words))
    for name in (COMMAND, 'TORCHELASTIC_RUN_ID'):
        monkeypatch.delenv(name, raising=False)
    assert how_to_resume() == f'python {wanted} --resume'
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'none')
    assert how_to_resume().startswith('the same command, with --resume')
    monkeypatch.setenv(COMMAND, 'tools/dist_train.sh c.py 2')
    assert how_to_resume() == 'tools/dist_train.sh c.py 2 --resume'
