"""Killed and resumed equals never interrupted, bit for bit."""

import os
import signal
from itertools import product
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from torch.multiprocessing import ProcessExitedException

from tests.ranks import on_ranks
from tests.runs import NNCLR, PLAIN, SIMCLR, VIEWS, loader, runner

MODELS = {
    'SimCLR': SIMCLR,
    # Random choices in the main process, too.
    'NNCLR': dict(NNCLR, top_k=3),
    'SupCon': dict(SIMCLR, type='mmdcl.SupCon'),
}
CASES = [*product(('SimCLR', 'NNCLR'), (1, 2), (0, 2)), ('SupCon', 2, 0)]
EXACT = dict(type='mmdcl.ExactTrainLoop', max_epochs=3)
EVERY_5 = dict(
    type='mmdcl.AtomicCheckpointHook',
    interval=5,
    by_epoch=False,
    max_keep_ckpts=1,
)


class Kill(Hook):
    """As the machine would, before the iteration of that number."""

    def __init__(self, at: int) -> None:
        self.at = at

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def build(work_dir, model=SIMCLR, batch_size=16, workers=0, **overrides):
    """3 epochs of 4 batches of 16 digits, evaluated after each."""
    train = loader('train', VIEWS, batch_size=batch_size, num_workers=workers)
    train['dataset']['indices'] = 64
    train['persistent_workers'] = workers > 0
    val = loader('test', PLAIN)
    val['dataset']['indices'] = 32
    cfg = dict(
        model=model,
        train_dataloader=train,
        val_dataloader=val,
        train_cfg=EXACT,
        param_scheduler=dict(type='CosineAnnealingLR', T_max=12)
        | dict(by_epoch=False),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9)),
        default_hooks=dict(checkpoint=EVERY_5),
    )
    return runner(Path(work_dir), **{**cfg, **overrides})


def state(run) -> dict:
    """All that decides how training goes on."""
    schedules = [schedule.state_dict() for schedule in run.param_schedulers]
    for schedule in schedules:
        schedule.pop('_global_step', None)
        schedule.pop('verbose', None)
    return dict(
        model=getattr(run.model, 'module', run.model).state_dict(),
        optimizer=run.optim_wrapper.state_dict()['state'],
        schedules=[schedule['_last_value'] for schedule in schedules],
        iteration=run.iter,
    )


def train(rank, work_dir, ranks, kill_at=None, **kwargs):
    if ranks > 1:
        os.environ['LOCAL_RANK'] = str(rank)  # as launchers do
        kwargs |= dict(
            launcher='pytorch',
            model_wrapper_cfg=dict(
                type='MMDistributedDataParallel', device_ids=None
            ),
        )
    run = build(work_dir, batch_size=16 // ranks, **kwargs)
    if kill_at is not None:
        run.register_hook(Kill(kill_at))
    run.train()
    return state(run)


def job(rank, work_dir, ranks, kwargs):
    return train(rank, work_dir, ranks, **kwargs)


def on(ranks, work_dir, **kwargs):
    return on_ranks(ranks, job, str(work_dir), ranks, kwargs)


def assert_identical(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize(('name', 'ranks', 'workers'), CASES)
def test_killed_and_resumed_equals_uninterrupted(
    name, ranks, workers, tmp_path
):
    """Killed in the second epoch; the checkpoint is inside it, too."""
    setting = dict(model=MODELS[name], workers=workers)
    expected = on(ranks, tmp_path / 'whole', **setting)
    work_dir = tmp_path / 'killed'
    with pytest.raises(ProcessExitedException, match='SIGKILL'):
        on(ranks, work_dir, kill_at=7, **setting)
    assert [path.name for path in work_dir.glob('*.pth')] == ['iter_5.pth']
    resumed = on(ranks, work_dir, resume=True, **setting)
    for found, wanted in zip(resumed, expected, strict=True):
        if found is not resumed[0]:
            # A checkpoint holds the statistics of the first process alone.
            for state in (found['model'], wanted['model']):
                for name in [x for x in state if 'running_' in x]:
                    del state[name]
        assert found['iteration'] == 12
        assert_identical(found, wanted)


def batches(work_dir, workers=0, epochs=2, **kwargs):
    """What the model is shown, without training it."""
    run = build(work_dir, workers=workers, **kwargs)
    loop = run.train_loop
    found = []
    for _ in range(epochs):
        loop.dataloader.sampler.set_epoch(loop.epoch)
        for batch in loop.dataloader:
            numbers = [s.sample_idx for s in batch['data_samples']]
            found.append((numbers, torch.stack(batch['inputs'])))
        loop._epoch += 1
    return found


def test_views_depend_on_seed_epoch_and_image_alone(tmp_path):
    alone, shared = (batches(tmp_path, workers) for workers in (0, 2))
    assert_identical(shared, alone)

    def by_image(batches):
        return {
            number: views
            for numbers, inputs in batches
            for number, views in zip(numbers, inputs.unbind(1), strict=True)
        }

    large = by_image(batches(tmp_path, epochs=1, batch_size=32))
    assert_identical(large, by_image(alone[:4]))
    later = by_image(alone[4:])
    assert not any(torch.equal(large[n], later[n]) for n in large)
    other = by_image(batches(tmp_path, epochs=1, randomness=dict(seed=1)))
    assert not any(torch.equal(large[n], other[n]) for n in large)


def test_loader_keeps_what_others_ask_it_for(tmp_path):
    run = build(tmp_path, auto_scale_lr=dict(enable=True, base_batch_size=32))
    run.train()
    dataset = run.train_dataloader.dataset
    assert run.train_dataloader.batch_size == 16
    assert dataset.metainfo['classes'] == dataset.dataset.metainfo['classes']
    assert run.optim_wrapper.param_groups[0]['initial_lr'] == 0.025
    dataset.pipeline = None  # as hooks that switch pipelines do
    assert dataset.dataset.pipeline is None


def test_without_a_seed_the_order_of_the_data_is_resumed(tmp_path):
    free = dict(randomness=dict(seed=None))
    run = build(tmp_path, **free)
    run.train()
    checkpoint = torch.load(tmp_path / 'iter_12.pth', weights_only=False)
    again = build(tmp_path, resume=True, **free)
    again.train()
    seed = again.train_dataloader.sampler.seed
    assert seed == run.train_dataloader.sampler.seed
    assert checkpoint['meta']['train_loop']['sampler_seed'] == seed
    assert again.seed == run.seed


@pytest.mark.parametrize(('at', 'left'), [(3, 8), (4, 0)])
def test_a_changed_batch_size_starts_the_epoch_over(at, left, tmp_path, capfd):
    """Inside an epoch with a warning; at its end nothing is lost."""
    hook = dict(EVERY_5, interval=at, max_keep_ckpts=9)
    once = dict(EXACT, max_epochs=1)
    hooks = dict(checkpoint=hook)
    build(tmp_path, train_cfg=once, default_hooks=hooks).train()
    pointer = tmp_path / 'last_checkpoint'
    pointer.write_text(str(tmp_path / f'iter_{at}.pth'))
    run = build(tmp_path, batch_size=8, train_cfg=once, resume=True)
    run.train()
    assert len(list(run.train_dataloader)) == 8  # whole again for hooks
    assert run.iter == at + left
    assert ('at batch 3 of 4' in ''.join(capfd.readouterr())) == (at == 3)


def test_warns_of_a_checkpoint_between_two_updates(tmp_path, capfd):
    wrapper = dict(optimizer=dict(type='SGD', lr=0.05), accumulative_counts=2)
    run = build(tmp_path, optim_wrapper=wrapper)
    run.train()
    said = ''.join(capfd.readouterr())
    assert 'iteration 5 is between two updates' in said
    assert 'iteration 10' not in said


class Validations(Hook):
    """The epochs that were validated, and what interrupts them."""

    def __init__(self, interrupted_at: int | None = None) -> None:
        self.epochs, self.interrupted_at = [], interrupted_at

    def before_val(self, runner) -> None:
        if runner.epoch == self.interrupted_at:
            raise KeyboardInterrupt
        self.epochs.append(runner.epoch)


def test_an_interrupted_validation_is_made_up_for(tmp_path):
    hooks = dict(checkpoint=dict(EVERY_5, by_epoch=True, interval=1))
    run = build(tmp_path, default_hooks=hooks)
    run.register_hook(Validations(interrupted_at=2))
    with pytest.raises(KeyboardInterrupt):
        run.train()
    run, seen = (
        build(tmp_path, default_hooks=hooks, resume=True),
        Validations(),
    )
    run.register_hook(seen)
    run.train()
    assert seen.epochs == [2, 3]


def test_resumed_by_hand(tmp_path):
    """``runner.resume(path)`` is public; the config need not say so."""
    hooks = dict(checkpoint=dict(EVERY_5, max_keep_ckpts=9))
    build(tmp_path, default_hooks=hooks).train()
    run = build(tmp_path / 'again')
    assert run.train_loop.iter == 0  # which builds it
    run.resume(str(tmp_path / 'iter_5.pth'))
    run.train()
    assert run.iter == 12


def test_a_checkpoint_of_upstreams_loop_starts_the_epoch_over(tmp_path, capfd):
    hooks = dict(checkpoint=dict(EVERY_5, by_epoch=True, interval=1))
    upstream = dict(by_epoch=True, max_epochs=1)
    build(tmp_path, train_cfg=upstream, default_hooks=hooks).train()
    twice = dict(EXACT, max_epochs=2)
    run = build(tmp_path, train_cfg=twice, batch_size=32, resume=True)
    run.train()
    assert run.iter == 4 + 2
    assert 'not written by ExactTrainLoop' in ''.join(capfd.readouterr())


class KillWhileWriting(Hook):
    """Die when the second checkpoint is half on the disk."""

    def before_train(self, runner) -> None:
        sync, calls = os.fsync, []

        def fsync(file):
            calls.append(file)
            if len(calls) == 2:
                os.ftruncate(file, 1000)
                os.kill(os.getpid(), signal.SIGKILL)
            sync(file)

        os.fsync = fsync


def train_until_killed_while_writing(rank, work_dir):
    run = build(work_dir)
    run.register_hook(KillWhileWriting())
    run.train()


def test_killed_while_writing_a_checkpoint(tmp_path):
    """The previous one is intact, and is the one that is resumed."""
    with pytest.raises(ProcessExitedException, match='SIGKILL'):
        on_ranks(1, train_until_killed_while_writing, str(tmp_path))
    names = {path.name for path in tmp_path.glob('*.pth*')}
    assert names == {'iter_5.pth', 'iter_10.pth.partial'}
    expected = on(1, tmp_path / 'whole')
    assert_identical(on(1, tmp_path, resume=True), expected)
    names = {path.name for path in tmp_path.glob('*.pth*')}
    assert names == {'iter_12.pth'}


def test_best_checkpoint_outlives_its_successor(tmp_path):
    hook = dict(EVERY_5, interval=4, save_best='auto')
    run = build(tmp_path, default_hooks=dict(checkpoint=hook))
    run.train()
    best = [path.name for path in tmp_path.glob('best_*')]
    assert len(best) == 1
    assert best[0].startswith('best_accuracy_top1')
    assert tmp_path.joinpath('iter_12.pth').is_file()
