"""What a run says and leaves behind, and that this costs it nothing."""

import json
import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook

from mmdcl.report import progress
from mmdcl.report.page import write as page
from mmdcl.report.runs.folder import read_run
from tests.runs import NNCLR, runner

PROGRESS = dict(type='mmdcl.ProgressHook', val_before_train=True)
EVERY = dict(logger=dict(type='LoggerHook', interval=1))
DRAW = progress._draw
TWICE = dict(by_epoch=True, max_epochs=2)


@pytest.fixture(autouse=True)
def pages(monkeypatch):
    """In place of page and curves, which are tested where they are drawn."""
    written = []

    def write(work_dir, **kwargs):
        kwargs['warn']('the page warns')
        written.append(read_run(work_dir))
        return 'the/page.html'

    monkeypatch.setattr(page, 'write_report', write)
    monkeypatch.setattr(progress, '_draw', lambda run: 'curves.png')
    return written


def test_it_shows_the_way_and_draws_the_curves(
    tmp_path, capsys, monkeypatch, pages
):
    figures = []
    monkeypatch.setattr(progress, '_draw', DRAW)
    save = 'mmdcl.report.pictures.style.save'
    monkeypatch.setattr(save, lambda *x: [figures.append(x[0]) or x[1]])
    run = runner(
        tmp_path,
        model=NNCLR,
        custom_hooks=[PROGRESS],
        default_hooks=EVERY,
        log_level='INFO',
    )
    run.train()
    said = ''.join(capsys.readouterr())
    assert re.search(
        r'Done\.\n'
        r'  accuracy/top1: [\d.]+ \(epoch 0\) -> [\d.]+ \(epoch 1\)\n'
        rf'  checkpoint: {tmp_path}/epoch_1\.pth\n'
        rf'  log:        {tmp_path}/(\d+_\d+)/\1\.log\n'
        rf'  plot:       {tmp_path}/curves\.png\n',
        said,
    )
    assert said.index('plot:  ') < said.index('the page warns')
    assert said.rstrip().endswith('  report:     the/page.html')
    [seen] = pages
    assert seen.finished
    assert seen.recipe['finished'] is True

    [log] = tmp_path.glob('*/vis_data/scalars.json')
    records = list(map(json.loads, log.read_text().splitlines()))
    train = [record for record in records if 'loss' in record]
    assert [record['iter'] for record in train] == [1, 2, 3, 4]
    assert len({record['loss'] for record in train}) == 4
    drawn = {ax.get_title(): ax.lines for ax in figures[0].axes}
    for title, keys in {
        'loss': ['loss'],
        'cosine': ['pos_cosine', 'neg_cosine', 'neighbor_cosine'],
        'mean q, the negative-positive coupling': ['npc_multiplier'],
        'neighbour of the same class (%)': ['neighbor_accuracy'],
        'age of the neighbour (steps)': ['neighbor_age'],
        'learning rate': ['lr'],
    }.items():
        assert [x.get_xydata().tolist() for x in drawn[title]] == [
            [[r['iter'] / 4, r[key]] for r in train] for key in keys
        ]
    accuracy = [r['accuracy/top1'] for r in records if 'loss' not in r]
    values = drawn['kNN accuracy (%)'][0].get_xydata().tolist()
    assert values == [[i, x] for i, x in enumerate(accuracy)]
    assert len(accuracy) == 2


def test_it_begins_where_the_resumed_run_began(tmp_path, capsys):
    setting = dict(custom_hooks=[PROGRESS], log_level='INFO')
    runner(tmp_path, **setting).train()
    run = runner(tmp_path, train_cfg=TWICE, resume=True, **setting)
    capsys.readouterr()
    run.train()
    said = ''.join(capsys.readouterr())
    assert re.search(r'accuracy/top1: [\d.]+ \(epoch 0\) -> .*epoch 2', said)
    recipe = read_run(tmp_path).recipe
    assert (recipe['begin'], recipe['begin_epoch']) == (4, 1)
    assert [x['step'] for x in read_run(tmp_path).validation] == [0, 1, 2]


def test_a_fresh_run_says_nothing_of_the_one_before(tmp_path, capsys):
    setting = dict(custom_hooks=[PROGRESS], log_level='INFO')
    runner(tmp_path, **setting).train()
    after = dict(type='mmdcl.ProgressHook', report=False)
    run = runner(tmp_path, custom_hooks=[after], log_level='INFO')
    capsys.readouterr()
    run.train()
    said = ''.join(capsys.readouterr())
    assert re.search(r'\n  accuracy/top1: [\d.]+ \(epoch 1\)\n', said)
    assert 'report:' not in said


def test_a_resumed_run_without_validation_tells_of_those_before():
    hook = progress.ProgressHook()
    hook._unit = 'epoch'
    found = [dict(accuracy=x, step=i, time=2.0) for i, x in enumerate([1, 3])]
    [line] = hook._metrics(SimpleNamespace(validation=found))
    assert line == 'accuracy: 1.00 (epoch 0) -> 3.00 (epoch 1)'


BROKEN = ('gather', 'write_recipe', 'save_views', 'read_run', '_draw')


@pytest.mark.parametrize('where', [*BROKEN, 'write_report'])
def test_nothing_that_breaks_costs_the_run(
    where, tmp_path, capsys, monkeypatch
):
    def breaks(*args, **kwargs):
        raise ZeroDivisionError('a line\nand another')

    place = page if where == 'write_report' else progress
    monkeypatch.setattr(place, where, breaks)
    hook = dict(type='mmdcl.ProgressHook')
    run = runner(tmp_path, custom_hooks=[hook], log_level='INFO')
    run.train()
    assert tmp_path.joinpath('epoch_1.pth').is_file()
    said = ''.join(capsys.readouterr())
    assert 'Done.\n  accuracy/top1: ' in said
    names = {'read_run': 'curves', '_draw': 'curves', 'save_views': 'views'}
    name = names.get(where, 'report' if place is page else 'recipe')
    lines = [x for x in said.splitlines() if 'ZeroDivisionError' in x]
    [line] = lines
    assert ' - WARNING - ' in line
    assert f'{name}.' in line
    assert line.endswith('ZeroDivisionError: a line and another')


class Draw(Hook):
    """What random numbers come next, after each step."""

    priority = 'LOWEST'

    def __init__(self):
        self.drawn = []

    def after_train_iter(self, runner, *args, **kwargs):
        state = torch.get_rng_state()
        self.drawn.append(torch.rand(1).item())
        torch.set_rng_state(state)


@pytest.mark.parametrize('resume', [False, True])
def test_training_is_the_same_with_and_without(tmp_path, resume):
    found = []
    for name, hooks in (('with', [PROGRESS]), ('without', [])):
        hooks = [dict(x, val_before_train=False) for x in hooks]
        setting = dict(custom_hooks=hooks)
        if resume:
            runner(tmp_path / name, **setting).train()
            setting |= dict(train_cfg=TWICE, resume=True)
        run, draw = runner(tmp_path / name, **setting), Draw()
        run.register_hook(draw)
        run.train()
        assert len(draw.drawn) == 4
        found.append((draw.drawn, run.model.state_dict()))
    (drawn, weights), (drawn_without, weights_without) = found
    assert drawn == drawn_without
    for key, value in weights.items():
        assert torch.equal(value, weights_without[key]), key
    assert tmp_path.joinpath('with', 'views.png').is_file()
    assert not tmp_path.joinpath('without', 'views.png').exists()


def test_a_killed_run_is_not_finished(tmp_path):
    class Kill(Hook):
        def after_train_iter(self, runner, batch_idx, **kwargs):
            if runner.iter == 2:
                raise KeyboardInterrupt

    run = runner(tmp_path, custom_hooks=[PROGRESS], default_hooks=EVERY)
    run.register_hook(Kill(), priority='LOWEST')
    with pytest.raises(KeyboardInterrupt):
        run.train()
    left = read_run(tmp_path)
    assert not left.finished
    assert left.recipe['loss'] == 'DCL'
    assert 'finished' not in left.recipe
    assert tmp_path.joinpath('views.png').is_file()
