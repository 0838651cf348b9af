"""Loops that count iterations: killed and resumed equals uninterrupted."""

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.multiprocessing import ProcessExitedException
from torch.utils.data import BatchSampler

from tests.commands.drawn import bccd
from tests.engine.test_resume_changes import CONFIGS
from tests.engine.test_train_loop import (
    EVERY_5,
    assert_identical,
    build,
    train,
)
from tests.ranks import on_ranks
from tests.runs import VIEWS, loader


class Pairs(BatchSampler):
    """Neighbours share a batch: as mmdet's sampler of aspect ratios."""

    def __init__(self, sampler, batch_size) -> None:
        super().__init__(sampler, batch_size, drop_last=False)
        self._waiting = {0: [], 1: []}

    def __iter__(self):
        for index in self.sampler:
            label = self.sampler.dataset.get_data_info(index)['gt_label']
            waiting = self._waiting[label % 2]
            waiting.append(index)
            if len(waiting) == self.batch_size:
                yield waiting[:]
                waiting.clear()


ITERATIONS = dict(type='mmdcl.ExactIterTrainLoop', max_iters=12)
ENDLESS = dict(type='InfiniteSampler', shuffle=True)
GROUPED = dict(sampler=ENDLESS, batch_sampler=dict(type=Pairs))


def iterations(batch_size=16, workers=0, indices=40, **train):
    """Settings of an iteration-based run that stops within a pass."""
    given = loader('train', VIEWS, batch_size=batch_size, num_workers=workers)
    given['dataset']['indices'] = indices
    given['persistent_workers'] = workers > 0
    if 'batch_sampler' in train:
        del given['drop_last']
    given |= train
    return dict(
        train_dataloader=given, train_cfg=dict(ITERATIONS, val_interval=4)
    )


def iteration_job(rank, work_dir, ranks, kill_at, resume, kwargs):
    setting = iterations(batch_size=16 // ranks, **kwargs)
    return train(
        rank, work_dir, ranks, kill_at=kill_at, resume=resume, **setting
    )


@pytest.mark.parametrize(
    ('ranks', 'setting'),
    [
        (1, dict(sampler=ENDLESS)),
        (1, dict(workers=2, **GROUPED)),
        (1, dict()),  # passes that end
        (2, dict(sampler=ENDLESS, workers=2)),
    ],
)
def test_killed_and_resumed(ranks, setting, tmp_path):
    def on(name, kill_at=None, resume=False):
        where = str(tmp_path / name)
        return on_ranks(
            ranks, iteration_job, where, ranks, kill_at, resume, setting
        )[0]

    expected = on('whole')
    with pytest.raises(ProcessExitedException, match='SIGKILL'):
        on('killed', kill_at=7)
    files = (tmp_path / 'killed').glob('*.pth')
    assert [path.name for path in files] == ['iter_5.pth']
    found = on('killed', resume=True)
    assert found['iteration'] == 12
    assert_identical(found, expected)


def test_see_all_images_and_other_views_each_time(tmp_path):
    run = build(tmp_path, **iterations(sampler=ENDLESS))
    seen = []

    class Look(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            numbers = [x.sample_idx for x in data_batch['data_samples']]
            views = data_batch['inputs'][0]
            seen.extend(zip(numbers, views, strict=True))

    run.register_hook(Look())
    run.train()
    assert {number for number, _ in seen[:40]} == set(range(40))
    first = dict(seen[:40])
    again = sum(torch.equal(first[n], view) for n, view in seen[40:80])
    assert again < 10  # of so few pixels some crops are the same


def test_validate_what_was_interrupted(tmp_path):
    setting = iterations(sampler=ENDLESS)
    hook = dict(default_hooks=dict(checkpoint=dict(EVERY_5, interval=4)))

    class Interrupt(Hook):
        def before_val(self, runner) -> None:
            raise KeyboardInterrupt

    run = build(tmp_path, **setting, **hook)
    run.register_hook(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        run.train()
    run = build(tmp_path, resume=True, **setting, **hook)
    seen = []

    class See(Hook):
        def before_val(self, runner) -> None:
            seen.append(runner.iter)

    run.register_hook(See())
    run.train()
    assert seen == [4, 8, 12]


def test_a_dataset_without_batches_of_indices(tmp_path):
    setting = iterations(sampler=ENDLESS, batch_size=None)
    setting['train_dataloader']['drop_last'] = False
    run = build(tmp_path, **setting)
    with pytest.raises(TypeError, match=r'IterBasedTrainLoop'):
        run.train()


def test_what_iterations_refuse_to_resume(tmp_path, capfd):
    """Fewer than done; what was counted in epochs. Upstream's loop warns."""
    setting = iterations(sampler=ENDLESS)
    hook = [dict(type='mmdcl.ResumeHook', with_changes=True)]
    keep = dict(checkpoint=dict(EVERY_5, max_keep_ckpts=9))
    build(tmp_path, custom_hooks=hook, default_hooks=keep, **setting).train()
    path = str(tmp_path / 'iter_10.pth')
    again = dict(resume=True, load_from=path, custom_hooks=hook)
    few = dict(setting, train_cfg=dict(ITERATIONS, max_iters=9))
    with pytest.raises(ValueError, match='iteration 10 of max_iters=9'):
        build(tmp_path, **again, **few).train()
    with pytest.raises(ValueError, match='counted in'):
        build(tmp_path, **again).train()
    upstream = dict(by_epoch=False, max_iters=12)
    capfd.readouterr()
    build(tmp_path, **again, **dict(setting, train_cfg=upstream)).train()
    said = ''.join(capfd.readouterr())
    assert 'IterBasedTrainLoop does not resume bit for bit' in said
    assert 'mmdcl.ExactIterTrainLoop does' in said


def detector(folder, **options):
    """Six iterations of the shipped config, with random colours and flips."""
    cfg = Config.fromfile(CONFIGS / 'benchmarks' / 'detection_bccd.py')
    pipeline = cfg.train_dataloader.dataset.pipeline
    pipeline.insert(-1, dict(type='PhotoMetricDistortion'))
    small = {
        'train_dataloader.dataset.data_root': str(folder / 'BCCD'),
        'train_dataloader.dataset.pipeline.2.scale': (96, 96),
        'train_dataloader.batch_size': 2,
        'model.train_cfg.rcnn.sampler.num': 32,
        'train_cfg.max_iters': 6,
        'default_hooks.checkpoint.interval': 2,
        'randomness': dict(seed=0),
        'log_level': 'ERROR',
    }
    cfg.merge_from_dict({**small, **options})
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    run = Runner.from_cfg(cfg)
    run.train()
    return run.model.state_dict()


def test_a_detector_resumes_bit_for_bit(tmp_path):
    """mmdet's batches of like aspect ratio, augmentations and samplers."""
    pytest.importorskip('mmdet')
    bccd(tmp_path / 'BCCD')
    whole = detector(tmp_path, work_dir=str(tmp_path / 'whole'))
    path = str(tmp_path / 'whole' / 'iter_2.pth')
    where = dict(work_dir=str(tmp_path / 'again'))
    again = detector(tmp_path, resume=True, load_from=path, **where)
    assert_identical(again, whole)
