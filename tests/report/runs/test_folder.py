"""Folders of runs that were killed, resumed, copied, or are of others."""

import json
import shutil
from datetime import datetime

import pytest
import torch

from mmdcl.errors import UserError
from mmdcl.report.runs.folder import read_run
from tests.report.logs import write_run


def test_a_run(tmp_path):
    write_run(tmp_path / 'a', recipe=dict(seed=3))
    run = read_run(tmp_path / 'a')
    assert run.name == 'a'
    kinds = (run.training, run.quality, run.validation, run.histograms)
    assert [len(x) for x in kinds] == [20, 10, 3, 10]
    assert (run.unit, run.epoch_length, run.finished) == ('epoch', 20, True)
    assert run.started == datetime(2027, 1, 1)
    assert run.seconds == pytest.approx(200 * 0.2)
    assert run.recipe == {'seed': 3}
    assert run.config.model.head.temperature == 0.1
    assert run.config.filename == str(tmp_path / 'a' / 'small.py')
    assert run.metrics == ['accuracy/top1', 'probe/top1']
    assert run.series('loss')[0][:3] == [0.5, 1.0, 1.5]
    assert run.series('features/rank_me')[0] == list(range(1, 11))
    assert run.series('accuracy/top1')[0] == [0, 5, 10]
    assert run.series('probe/top1') == ([5, 10], [25, 25])
    assert run.series('of nobody') == ([], [])


def test_a_killed_run_leaves_half_a_line_and_nan(tmp_path):
    log = write_run(tmp_path / 'a', end=50)
    with log.open('a') as file:
        file.write('{"loss": NaN, "lr": Infinity, "iter": 60, "step": 60}\n')
        file.write('[1]\n"text"\n{"loss": 1, "iter": "x"}\n')
        file.write('{"loss": 1, "iter": 1' + '0' * 400 + '}\n\xff\n')
        file.write('{"loss": 3.2, "it')
    run = read_run(tmp_path / 'a')
    assert [x['iter'] for x in run.training] == [10, 20, 30, 40, 50, 60]
    assert len(run.series('loss')[1]) == len(run.series('lr')[1]) == 5
    assert not run.finished


def test_of_a_resumed_run_the_later_process_wins(tmp_path):
    """The first was killed at 90, after a checkpoint at 60."""
    write_run(tmp_path / 'a', end=90)
    later = dict(begin=60, stamp='20270102_000000', shift=100)
    write_run(tmp_path / 'a', **later, every=15)
    run = read_run(tmp_path / 'a')
    places = [x['iter'] for x in run.training]
    assert places == [10, 20, 30, 40, 50, 60, *range(75, 201, 15)]
    assert [x['loss'] > 50 for x in run.training] == [False] * 6 + [True] * 9
    assert [x['iter'] for x in run.histograms] == list(range(20, 201, 20))
    assert [x['step'] for x in run.validation] == [0, 5, 10]
    assert run.started == datetime(2027, 1, 1)


@pytest.mark.parametrize('recipe', [None, dict(begin=0, begin_epoch=0)])
def test_a_fresh_run_in_the_same_folder_is_alone(tmp_path, recipe):
    write_run(tmp_path / 'a')
    later = dict(end=40, stamp='20270102_000000', shift=100)
    write_run(tmp_path / 'a', **later, recipe=recipe)
    run = read_run(tmp_path / 'a')
    assert [x['iter'] for x in run.training] == [10, 20, 30, 40]
    assert min(x['loss'] for x in run.training) > 50
    assert [x['step'] for x in run.validation] == [0]
    assert run.started == datetime(2027, 1, 2)
    assert not run.finished


def test_a_fresh_run_has_no_untrained_accuracy_of_another(tmp_path):
    """Its recipe says that it did not go on from the first epoch."""
    write_run(tmp_path / 'a')
    later = dict(end=40, stamp='20270102_000000')
    log = write_run(
        tmp_path / 'a', **later, recipe=dict(begin=0, begin_epoch=0)
    )
    log.write_text('\n'.join(log.read_text().splitlines()[1:]))
    run = read_run(tmp_path / 'a')
    assert run.validation == []
    assert len(run.training) == 4


def test_a_process_that_logged_nothing_changes_nothing(tmp_path):
    write_run(tmp_path / 'a')
    empty = tmp_path / 'a' / '20270103_000000' / 'vis_data'
    empty.mkdir(parents=True)
    empty.joinpath('scalars.json').write_text('{"lo')
    assert len(read_run(tmp_path / 'a').training) == 20


def checkpoint(iteration: int) -> dict:
    meta = dict(iter=iteration, epoch=iteration // 20, time='2027')
    return dict(meta=meta, state_dict={'a': torch.zeros(1)})


def test_a_copy_finds_its_own_checkpoint_and_evaluations(tmp_path):
    old = tmp_path / 'work_dirs' / 'a'
    write_run(old)
    torch.save(checkpoint(200), old / 'epoch_10.pth')
    old.joinpath('last_checkpoint').write_text(str(old / 'epoch_10.pth'))
    other = old.with_name('b') / 'epoch_10.pth'
    other.parent.mkdir()
    other.touch()
    lines = [
        dict(checkpoint=str(old / 'epoch_10.pth'), metrics={'top1': 1}),
        dict(checkpoint='work_dirs/a/epoch_10.pth', metrics={'top1': 2}),
        dict(checkpoint='work_dirs/b/epoch_10.pth', metrics={'top1': 3}),
        dict(checkpoint=str(tmp_path / 'epoch_10.pth')),
    ]
    texts = [json.dumps(line) for line in [*lines, lines[0]]]
    evaluate = old.parent / 'evaluate.jsonl'
    evaluate.write_text('\n'.join([*texts, '{"checkp']))
    assert read_run(old).evaluations == lines[:2]

    new = tmp_path / 'elsewhere' / 'a'
    shutil.copytree(old, new)
    shutil.copy(evaluate, new)
    shutil.rmtree(old)
    run = read_run(new)
    assert run.checkpoint == new / 'epoch_10.pth'
    assert run.evaluations == lines[:2]


def test_an_upstream_run_in_iterations(tmp_path):
    """No hook of ours, no config, steps by upstream's default."""
    data = tmp_path / 'a' / '20270101_000000' / 'vis_data'
    data.mkdir(parents=True)
    lines = [
        dict(loss=2.0, lr=0.1, time=1.0, data_time=0.5, iter=i, step=i)
        for i in range(100, 501, 100)
    ]
    lines.insert(3, {'single-label/f1': 20.0, 'step': 300})
    text = '\n'.join(map(json.dumps, lines))
    data.joinpath('scalars.json').write_text(text)
    run = read_run(tmp_path / 'a')
    assert (run.unit, run.epoch_length) == ('iteration', None)
    assert run.series('loss')[0] == [100, 200, 300, 400, 500]
    assert (run.config, run.recipe, run.checkpoint) == (None, {}, None)
    assert run.metrics == ['single-label/f1']
    assert read_run(data / 'scalars.json').training == run.training


def test_no_config_is_run(tmp_path):
    log = write_run(tmp_path / 'a')
    text = 'model = dict(x=print("run!"))\nwork_dir = "x"\n'
    log.with_name('config.py').write_text(text)
    assert read_run(tmp_path / 'a').config.model.x == "print('run!')"
    log.with_name('config.py').write_text('(' * 9999)
    assert read_run(tmp_path / 'a').config.model.head.temperature == 0.1


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (lambda path: None, 'does not exist'),
        (lambda path: path.mkdir(), 'holds no log of a run'),
        (lambda path: write_run(path / 'b'), 'as .*a/b is$'),
        (lambda path: write_run(path).write_text('{"'), 'had logged nothing'),
        (lambda path: path.write_text('no log'), 'had logged nothing'),
    ],
)
def test_what_is_no_run_gets_one_sentence(tmp_path, make, words):
    make(tmp_path / 'a')
    with pytest.raises(UserError, match=words) as caught:
        read_run(tmp_path / 'a')
    assert '\n' not in str(caught.value)
