"""Checkpoints on a full disk, and checkpoints that do not grow."""

import errno
import json
import os
import resource
import shutil
from collections import namedtuple
from contextlib import contextmanager

import pytest
import torch
from mmengine.hooks import Hook

from mmdcl.checkpoints import newest_good, read_checkpoint
from mmdcl.engine import InvalidLossHook
from mmdcl.engine import checkpoint as module
from mmdcl.engine.checkpoint_size import checkpoint_bytes
from tests.runs import VIEWS, loader, runner

EXACT = dict(type='mmdcl.ExactTrainLoop', max_epochs=2)
ATOMIC = dict(type='mmdcl.AtomicCheckpointHook', interval=1)


def build(path, *, images=16, batch_size=4, checkpoint=ATOMIC, **kwargs):
    train = loader('train', VIEWS, batch_size=batch_size)
    train['dataset']['indices'] = images
    settings = dict(
        train_cfg=EXACT,
        train_dataloader=train,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
        default_hooks=dict(checkpoint=checkpoint),
    )
    return runner(path, **{**settings, **kwargs})


class Limit(Hook):
    """From an iteration on, no file may be larger than that."""

    priority = 'VERY_HIGH'

    def __init__(self, at, size):
        self.at, self.size = at, size

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.at:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, hard))


@contextmanager
def restored_limit():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_no_room_while_saving(tmp_path):
    """A quota of 100 kB for each file, from epoch 2 on."""
    run = build(tmp_path)
    run.register_hook(Limit(4, 100_000))
    match = r'cannot save .*epoch_2\.pth: File too large; it needs .* kB \('
    with restored_limit(), pytest.raises(OSError, match=match) as error:
        run.train()
    assert 'free there' in str(error.value)
    assert not list(tmp_path.glob('*.partial'))
    assert newest_good(tmp_path) == (tmp_path / 'epoch_1.pth', [])
    again = build(tmp_path, resume=True)
    again.train()
    whole = build(tmp_path / 'whole')
    whole.train()
    for path in (tmp_path, tmp_path / 'whole'):
        assert (path / 'epoch_2.pth').is_file()
    for x, y in zip(
        again.model.state_dict().values(),
        whole.model.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(x, y)


def test_no_room_for_the_best_one(tmp_path, monkeypatch):
    """ENOSPC when the file is complete but for its last block."""
    hook = dict(ATOMIC, save_best='accuracy/top1')
    run = runner(tmp_path, default_hooks=dict(checkpoint=hook))

    def fsync(fd):
        if '/best_' in os.readlink(f'/proc/self/fd/{fd}'):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, 'fsync', fsync)
    match = r'cannot save .*best_accuracy.*: No space left on device; it needs'
    with pytest.raises(OSError, match=match):
        run.train()
    assert not list(tmp_path.glob('*.partial'))
    assert not list(tmp_path.glob('best_*'))
    assert newest_good(tmp_path) == (tmp_path / 'epoch_1.pth', [])


def test_no_room_for_the_pointer(tmp_path, monkeypatch):
    def full(path, mode):
        open(path, mode).close()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    name = 'mmengine.hooks.checkpoint_hook.open'
    monkeypatch.setattr(name, full, raising=False)
    match = r'cannot save .*last_checkpoint: No space left on device'
    with pytest.raises(OSError, match=match):
        build(tmp_path).train()
    assert newest_good(tmp_path) == (tmp_path / 'epoch_1.pth', [])


Usage = namedtuple('Usage', 'total used free')


def with_free(monkeypatch, free):
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: Usage(0, 0, free))


def test_room_for_one_is_looked_for_before_training(tmp_path, monkeypatch):
    run = build(tmp_path)
    run.train()
    size = tmp_path.joinpath('epoch_2.pth').stat().st_size
    need = checkpoint_bytes(run)
    assert 0.7 * size < need < size

    with_free(monkeypatch, need - 1)
    run = build(tmp_path / 'other')
    match = r'a checkpoint needs about .* kB, and .* kB are free at '
    with pytest.raises(ValueError, match=match):
        run.train()
    assert run.iter == 0


@pytest.mark.parametrize(('free', 'warns'), [(1.9, True), (2.1, False)])
def test_room_for_all_that_will_be_kept(
    free, warns, tmp_path, monkeypatch, capfd
):
    run = build(tmp_path, checkpoint=dict(ATOMIC, max_keep_ckpts=1))
    run.optim_wrapper = run.build_optim_wrapper(run.optim_wrapper)
    with_free(monkeypatch, int(free * checkpoint_bytes(run)))
    run.train()
    said = ''.join(capfd.readouterr())
    assert ('2 of them will be there at a time' in said) == warns


@pytest.mark.parametrize(
    ('optimizer', 'copies'),
    [
        (dict(type='SGD', lr=0.1), 1),
        (dict(type='SGD', lr=0.1, momentum=0.9), 2),
        (dict(type='AdamW', lr=0.1), 3),
        (dict(type='mmdcl.LARS', lr=0.1, momentum=0.9), 2),
    ],
)
def test_the_size_is_known_before_the_first_step(optimizer, copies, tmp_path):
    run = build(tmp_path, optim_wrapper=dict(optimizer=optimizer))
    run.optim_wrapper = run.build_optim_wrapper(run.optim_wrapper)
    parameters = sum(4 * p.numel() for p in run.model.parameters())
    state = sum(
        t.numel() * t.element_size() for t in run.model.state_dict().values()
    )
    assert checkpoint_bytes(run) == state + (copies - 1) * parameters
    assert checkpoint_bytes(run, with_optimizer=False) == state


def test_what_a_killed_process_left_is_removed(tmp_path):
    left = tmp_path / 'epoch_7.pth.partial'
    left.write_bytes(b'half')
    kept = tmp_path / 'notes.partial'
    kept.touch()
    build(tmp_path).train()
    assert not left.exists()
    assert kept.exists()


def test_an_invalid_loss_names_what_is_good(tmp_path):
    """Not what the pointer says, and also in the hook's own folder."""
    hook = dict(ATOMIC, out_dir=str(tmp_path / 'out'))
    run = build(tmp_path / 'run', checkpoint=hook)
    run.train()
    first, last = (tmp_path / 'out' / 'run' / f'epoch_{i}.pth' for i in (1, 2))
    with pytest.raises(FloatingPointError, match=f'checkpoint: {last}. '):
        InvalidLossHook()._stop(run, 'loss is NaN')
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(FloatingPointError, match=f'by --resume {first} '):
        InvalidLossHook()._stop(run, 'loss is NaN')
    tmp_path.joinpath('run', 'last_checkpoint').write_bytes(b'\xff')
    first.write_bytes(b'')
    with pytest.raises(FloatingPointError, match='none that can be read'):
        InvalidLossHook()._stop(run, 'loss is NaN')


def history(run):
    scalars = run.message_hub.log_scalars
    return {name: len(x.data[0]) for name, x in scalars.items()}


def test_checkpoints_do_not_grow_with_the_log(tmp_path):
    """60 iterations of about 12 logged values."""
    hook = dict(ATOMIC, by_epoch=False, interval=20)
    long = dict(EXACT, max_epochs=15)
    run = build(tmp_path, checkpoint=hook, train_cfg=long)
    run.train()
    assert max(history(run).values()) == 10
    first, last = (
        tmp_path.joinpath(f'iter_{i}.pth').stat().st_size for i in (20, 60)
    )
    assert abs(last - first) < 1000
    # Nor with what was logged before there was a limit.
    path = tmp_path / 'iter_20.pth'
    old = read_checkpoint(path)
    for name, value in old['message_hub']['log_scalars'].items():
        value.max_length = 1_000_000
        for _ in range(1000):
            value.update(1.0)
        assert len(value.data[0]) > 1000, name
    torch.save(old, path)
    again = build(
        tmp_path / 'again',
        checkpoint=hook,
        train_cfg=dict(long, max_epochs=6),
        load_from=str(path),
        resume=True,
    )
    again.train()
    assert max(history(again).values()) == 10


def logged(path):
    found = {}
    for file in sorted(path.glob('*/vis_data/scalars.json')):
        for record in map(json.loads, file.read_text().splitlines()):
            timed = ('time', 'data_time', 'memory')
            found[record['step']] = {
                k: v for k, v in record.items() if k not in timed
            }
    return found


def test_what_is_logged_does_not_change(tmp_path):
    """Windows of 3, of an epoch and of all; interrupted and not."""
    windows = [
        dict(data_src='loss', method_name='mean', **more)
        for more in (
            dict(log_name='loss_epoch', window_size='epoch'),
            dict(log_name='loss_7', window_size=7),
        )
    ]
    always = dict(data_src='pos_cosine', method_name='max')
    always |= dict(log_name='most', window_size='global')
    settings = dict(
        log_processor=dict(window_size=3, custom_cfg=[*windows, always]),
        train_cfg=dict(EXACT, max_epochs=4),
    )

    def train(name, kind, **more):
        hooks = dict(
            checkpoint=dict(ATOMIC, type=kind),
            logger=dict(type='LoggerHook', interval=1),
        )
        run = build(
            tmp_path / name, default_hooks=hooks, **{**settings, **more}
        )
        run.train()
        return run

    train('upstream', 'CheckpointHook')
    run = train('ours', 'mmdcl.AtomicCheckpointHook')
    found = logged(tmp_path / 'ours')
    assert {'loss_epoch', 'loss_7', 'most'} <= {*found[1]}
    assert found == logged(tmp_path / 'upstream')
    lengths = history(run)
    assert lengths['train/lr'] == 3
    assert lengths['train/loss'] == 7
    assert lengths['train/pos_cosine'] == 16
    once = dict(EXACT, max_epochs=2)
    kind = 'mmdcl.AtomicCheckpointHook'
    train('stopped', kind, train_cfg=once)
    train('stopped', kind, resume=True)
    assert logged(tmp_path / 'stopped') == found
