"""What a resumed run may change, before the first step."""

import os

import pytest
import torch
from mmengine.hooks import Hook

from mmdcl.engine.resume import check_training
from tests.engine.test_train_loop import EVERY_5, EXACT, build
from tests.ranks import on_ranks
from tests.runs import SIMCLR, VIEWS, loader

COSINE = dict(type='CosineAnnealingLR', T_max=3, begin=0, end=3)
COSINE |= dict(by_epoch=True, convert_to_iter_based=True)
EVERY_2 = dict(EVERY_5, interval=2, max_keep_ckpts=99)
LONGER = dict(
    train_cfg=dict(EXACT, max_epochs=5),
    param_scheduler=dict(COSINE, T_max=5, end=5),
)
LOOPS = ['mmdcl.ExactTrainLoop', 'EpochBasedTrainLoop']
SGD = dict(type='SGD', lr=0.05, momentum=0.9)


class Watch(Hook):
    """The rate of each iteration, and the first state of the optimizer."""

    def __init__(self) -> None:
        self.rates, self.state = {}, None

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        wrapper = runner.optim_wrapper
        self.rates[runner.iter] = wrapper.param_groups[0]['lr']
        if self.state is None:
            self.state = wrapper.optimizer.state_dict()['state']


def start(work_dir, with_changes=False, **overrides):
    """A run, and what it was seen to do."""
    hook = dict(type='mmdcl.ResumeHook', with_changes=with_changes)
    cfg = dict(
        param_scheduler=COSINE,
        custom_hooks=[hook],
        default_hooks=dict(checkpoint=EVERY_2),
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
    )
    run, watch = build(work_dir, **{**cfg, **overrides}), Watch()
    run.register_hook(watch)
    return run, watch


@pytest.fixture(scope='module')
def done(tmp_path_factory):
    """3 epochs of 4 batches of 16 images, all checkpoints kept."""
    folder = tmp_path_factory.mktemp('done')
    run, watch = start(folder)
    run.train()
    return folder, watch


@pytest.fixture
def at(done, tmp_path):
    """A run that resumes the checkpoint of this iteration."""

    def resume(iteration, **kwargs):
        path = str(done[0] / f'iter_{iteration}.pth')
        return start(tmp_path, resume=True, load_from=path, **kwargs)

    return resume


def images(count, batch_size=16):
    train = loader('train', VIEWS, batch_size=batch_size)
    train['dataset']['indices'] = count
    return train


def test_the_same_settings_are_resumed_without_a_word(at, done, capfd):
    run, watch = at(6)
    run.train()
    assert watch.rates == {i: done[1].rates[i] for i in range(6, 12)}
    assert 'differ' not in ''.join(capfd.readouterr())


REFUSED = {
    'optim_wrapper.optimizer.lr  0.05': dict(
        optim_wrapper=dict(optimizer=dict(SGD, lr=0.5))
    ),
    'optimizer state': dict(
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.05))
    ),
    'model.head.temperature': dict(
        model=dict(SIMCLR, head=dict(type='mmdcl.DCLHead', temperature=0.5))
    ),
    'batches per epoch  4': dict(batch_size=8),
    'images  64': dict(train_dataloader=images(66)),
    'param_scheduler.0.T_max': dict(param_scheduler=dict(COSINE, T_max=8)),
}


@pytest.mark.parametrize('row', REFUSED)
def test_other_settings_are_refused_before_the_first_step(row, at):
    run, watch = at(6, **REFUSED[row])
    with pytest.raises(ValueError, match='--resume-with-changes') as error:
        run.train()
    table = str(error.value)
    assert ' '.join(row.split()) in ' '.join(table.split())
    assert 'refused' in table
    assert watch.rates == {}


@pytest.mark.parametrize(
    'change',
    [
        dict(optim_wrapper=dict(optimizer=dict(SGD, lr=0.5))),
        dict(batch_size=8),
        dict(train_dataloader=images(32)),
        LONGER,
    ],
    ids=['lr', 'batch size', 'images', 'longer'],
)
def test_with_changes_rates_are_those_of_the_config(
    change, at, tmp_path, capfd
):
    """Those of a run that never had other settings, to its end."""
    whole, expected = start(tmp_path / 'whole', **change)
    whole.train()
    run, watch = at(6, with_changes=True, **change)
    run.train()
    first, last = min(watch.rates), max(expected.rates)
    # Epoch 1, and images of it were seen, or it starts over.
    batches = len(run.train_dataloader)
    position = 0 if batches == 2 else batches // 2
    assert first == batches + position
    wanted = {i: expected.rates[i] for i in range(first, last + 1)}
    assert watch.rates == wanted
    assert run.iter == run.max_iters == whole.iter
    assert watch.state  # momentum is carried over
    assert 'counts' in ''.join(capfd.readouterr())
    meta = torch.load(tmp_path / f'iter_{run.iter}.pth', weights_only=False)
    assert meta['meta']['run']['batches_per_epoch'] == batches


def test_another_optimizer_starts_with_a_fresh_state(at, done, capfd):
    adam = dict(optimizer=dict(type='AdamW', lr=0.05))
    run, watch = at(6, with_changes=True, optim_wrapper=adam)
    run.train()
    assert watch.state == {}
    assert watch.rates == {i: done[1].rates[i] for i in range(6, 12)}
    assert 'a fresh state of the optimizer' in ''.join(capfd.readouterr())


def test_one_group_for_each_parameter_takes_the_state_over(at, done):
    """As with LARS; momentum stays."""
    sgd = dict(SGD, weight_decay=0.1)
    no_decay = dict(norm_decay_mult=0.0)
    wrapper = dict(optimizer=sgd, paramwise_cfg=no_decay)
    run, watch = at(6, with_changes=True, optim_wrapper=wrapper)
    run.train()
    groups = run.optim_wrapper.param_groups
    assert len(groups) > 20
    assert {group['weight_decay'] for group in groups} == {0.0, 0.1}
    loaded = torch.load(done[0] / 'iter_6.pth', weights_only=False)
    before = loaded['optimizer']['state']
    assert watch.state.keys() == before.keys()


def on_two(rank, folder, setting):
    os.environ['LOCAL_RANK'] = str(rank)  # as launchers do
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None)
    setting |= dict(launcher='pytorch', model_wrapper_cfg=wrapper)
    run, _ = start(f'{folder}/refused', batch_size=8, **setting)
    with pytest.raises(ValueError, match=r'ranks  .*1  .*2  .*refused'):
        run.train()
    found = []
    for batch_size in (8, 16):
        run, watch = start(
            f'{folder}/{batch_size}',
            batch_size=batch_size,
            with_changes=True,
            **setting,
        )
        run.train()
        found.append(dict(rates=watch.rates, iter=run.iter))
    return found


def test_another_number_of_processes(at, done, tmp_path):
    """From 1 of 16 images to 2 of 8, the same steps; or of 16, half of them.

    And back: all epochs, to the end of the schedule.
    """
    path = str(done[0] / 'iter_6.pth')
    setting = dict(resume=True, load_from=path)
    for same, large in on_ranks(2, on_two, str(tmp_path), setting):
        rates = {i: done[1].rates[i] for i in range(6, 12)}
        assert same == dict(rates=rates, iter=12)
        assert list(large['rates']) == [3, 4, 5]
        assert large['rates'][4] == pytest.approx(rates[8])
    path = str(tmp_path / '16' / 'iter_4.pth')
    run, watch = start(tmp_path, True, resume=True, load_from=path)
    run.train()
    assert watch.rates == {i: done[1].rates[i] for i in range(8, 12)}


@pytest.mark.parametrize('loop', LOOPS)
def test_fewer_epochs_than_done(loop, at):
    run, watch = at(8, train_cfg=dict(type=loop, max_epochs=1))
    with pytest.raises(ValueError, match=r'epoch 1 of max_epochs=1: nothing'):
        run.train()
    assert watch.rates == {}


@pytest.mark.parametrize('loop', LOOPS)
def test_a_run_that_is_complete(loop, at, capfd):
    run, watch = at(12, train_cfg=dict(type=loop, max_epochs=3))
    run.train()
    assert run.iter == 12
    assert watch.rates == {}
    assert 'training is complete' in ''.join(capfd.readouterr())


def test_upstreams_loop_says_that_it_is_not_exact(at, done, capfd):
    run, watch = at(6, train_cfg=dict(by_epoch=True, max_epochs=3))
    run.train()
    # Epoch 1 starts over, and so does its schedule.
    assert watch.rates == {i: done[1].rates[i] for i in range(4, 12)}
    assert 'does not resume bit for bit' in ''.join(capfd.readouterr())


@pytest.mark.parametrize('loop', LOOPS)
def test_not_one_batch(loop, tmp_path):
    few = images(9)
    train_cfg = dict(type=loop, max_epochs=3)
    run, _ = start(tmp_path, train_dataloader=few, train_cfg=train_cfg)
    with pytest.raises(ValueError, match=r'9 images are not one batch of 16'):
        check_training(run)


def one_image(rank, folder):
    train = images(1)
    train['sampler']['round_up'] = train['drop_last'] = False
    run, _ = start(folder, train_dataloader=train)
    with pytest.raises(ValueError, match=r'1 images over 2 processes'):
        check_training(run)
    return rank


def test_a_process_without_a_batch_ends_all_of_them(tmp_path):
    assert on_ranks(2, one_image, str(tmp_path)) == [0, 1]


@pytest.mark.parametrize(
    ('place', 'value', 'said'),
    [
        ('meta.epoch', '1', r"`epoch` must be .*, got '1' \(str\)"),
        ('meta.epoch', 10**9, r'epoch 1000000000 of max_epochs=3'),
        ('meta.iter', -1, r'`iter` must be .* got -1'),
        ('meta.iter', None, r'`iter` must be .* got None'),
        ('meta', 3, r'`epoch` must be'),
        ('meta.train_loop.position', -3, r'`position` must be .* got -3'),
        ('meta.train_loop.position', 9**9, r'`position` must be .* 0 to 4,'),
        ('meta.train_loop.batches', 4.0, r'`batches` must be .* 4.0 \(float'),
        ('meta.train_loop.validated', 'no', r'`validated` must be'),
        ('meta.run.images', [1], r'`images` must be .* got \[1\]'),
        ('meta.run', 'x', None),
        ('meta.cfg', 'model = (', None),
        ('optimizer', [], r'`optimizer` is not the state'),
        ('optimizer.param_groups', [3], r'`optimizer` is not the state'),
    ],
)
def test_a_state_of_wrong_types_is_a_sentence(
    place, value, said, done, tmp_path
):
    checkpoint = torch.load(done[0] / 'iter_6.pth', weights_only=False)
    *parents, last = place.split('.')
    holder = checkpoint
    for name in parents:
        holder = holder[name]
    holder[last] = value
    torch.save(checkpoint, tmp_path / 'odd.pth')
    path = str(tmp_path / 'odd.pth')
    run, watch = start(tmp_path, resume=True, load_from=path)
    if said is None:
        run.train()
    else:
        with pytest.raises(ValueError, match=said):
            run.train()
        assert watch.rates == {}


def test_a_checkpoint_of_weights_alone(done, tmp_path):
    checkpoint = torch.load(done[0] / 'iter_6.pth', weights_only=False)
    weights = {'state_dict': checkpoint['state_dict']}
    torch.save(weights, tmp_path / 'weights.pth')
    path = str(tmp_path / 'weights.pth')
    run, _ = start(tmp_path, resume=True, load_from=path)
    with pytest.raises(ValueError, match=r'start from them by load_from'):
        run.train()


def test_the_last_validation_is_made_up_for(done, tmp_path, capfd):
    """Killed in it: nothing to train, and it is no error."""
    hooks = dict(checkpoint=dict(EVERY_5, by_epoch=True, interval=1))
    hook = [dict(type='mmdcl.ResumeHook')]
    setting = dict(default_hooks=hooks, custom_hooks=hook)
    build(tmp_path, **setting).train()
    run = build(tmp_path, resume=True, **setting)
    run.train()
    assert run.iter == 12
    assert 'last validation is repeated' in ''.join(capfd.readouterr())
