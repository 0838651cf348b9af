"""What is run, what is kept, and what is not run again."""

import json
from pathlib import Path

import pytest
import torch

from mmdcl.cli import sweep, sweep_run, sweep_time
from mmdcl.cli.main import parse
from mmdcl.cli.sweep_grid import options_of
from mmdcl.report.sweeps.lines import read_rows
from mmdcl.views import ahead

CONFIG = """
model = dict(
    type='mmdcl.SimCLR',
    backbone=dict(type='mmdcl.Conv4'),
    neck=dict(type='NonLinearNeck', in_channels=256, hid_channels=8,
              out_channels=8),
    head=dict(type='mmdcl.{head}'),
)
train_dataloader = dict(batch_size=32)
train_cfg = dict({length}=2)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.03))
{more}
"""
SCALES = 'auto_scale_lr = dict(base_batch_size=32)'


def test_grid():
    assert options_of(['x=1,2', 'y=3']) == [
        ('x=1', 'y=3'),
        ('x=2', 'y=3'),
    ]
    assert options_of([]) == [()]
    assert options_of(['x=[1,(2,3)],4']) == [('x=[1,(2,3)]',), ('x=4',)]
    with pytest.raises(SystemExit, match='expected KEY=VALUE'):
        options_of(['x'])


def test_names_are_short_and_of_one_run_each():
    one = sweep_run.Setting('a.py', ('model.x=1',), 32, 8.0, 0.1, 0)
    assert one.name == 'a_x=1_b32_lr8_t0.1_s0'
    names = {
        one._replace(options=(option,)).name
        for option in ('x=a/b', 'x=a-b', 'x=' + 300 * 'y', 'x=' + 301 * 'y')
    }
    assert len(names) == 4
    assert all('/' not in name and len(name) < 150 for name in names)


def config(path, head='DCLHead', length='max_epochs', more=SCALES):
    path.parent.mkdir(exist_ok=True)
    path.write_text(CONFIG.format(head=head, length=length, more=more))


def option(words, name):
    found = [x for x in words if x.startswith(f'{name}=')]
    return float(found[0].partition('=')[2]) if found else None


@pytest.fixture
def tools(monkeypatch, tmp_path):
    """Train and test in no time: accuracy is 100 times the temperature."""
    calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sweep_run, 'provenance', lambda: dict(machine='m', commit='c0ffee')
    )
    for name in ('a.py', 'b.py', 'other/a.py'):
        config(tmp_path / name)

    def train(words, out, folder):
        accuracy = 100 * option(words, 'model.head.temperature')
        if accuracy > 90:
            out.write_text('\n'.join([*map(str, range(20)), 'out of memory']))
            return 1
        log = folder / '20260101_000000' / 'vis_data'
        log.mkdir(parents=True, exist_ok=True)
        batch = option(words, 'train_dataloader.batch_size') or 32
        recipe = dict(
            batch=int(batch),
            planned=int(640 // batch),
            loss='DCL',
            model='SimCLR, Flat',
            data='Drawn in here',
            **dict(epoch_length=10, begin=0, begin_epoch=0, unit='epoch'),
        )
        log.joinpath('recipe.json').write_text(json.dumps(recipe))
        records = [{'accuracy/top1': 1.0, 'step': 0}]
        records += [
            dict(
                loss=1.0, lr=0.5, epoch=i // 10 + 1, iter=i,
                npc_multiplier=i / 100,
            )
            for i in range(1, 21)
        ]  # fmt: skip
        records += [
            {'accuracy/top1': accuracy / 2, 'step': 1},
            {'accuracy/top1': accuracy, 'step': 2},
        ]
        lines = ''.join(f'{json.dumps(x)}\n' for x in records)
        log.joinpath('scalars.json').write_text(lines)
        folder.joinpath('epoch_2.pth').touch()
        folder.joinpath('last_checkpoint').write_text(
            str(folder / 'epoch_2.pth')
        )
        return 0

    def run(self, words, out, threads):
        calls.append(words)
        folder = Path(words[words.index('--work-dir') + 1])
        if words[0] == 'train':
            return train(words, out, folder)
        place = Path(words[words.index('--out') + 1])
        if words[0] == 'test':
            place.write_text(json.dumps({'top1': 7.0}))
        else:
            line = {'metrics': {'accuracy/top1': 5.0}}
            place.with_suffix('.jsonl').write_text(json.dumps(line) + '\n')
        return 0

    monkeypatch.setattr(sweep_run.Processes, 'run', run)
    return calls


def start(*flags, temperatures=('0.1',), seeds=('0',)):
    words = ['--temperatures', *temperatures, '--seeds', *seeds]
    words += ['--work-dir', 'work']
    sweep.run(parse('sweep', [*words, *flags, '--out', 'out']))


def rows():
    return read_rows(Path('out/runs.jsonl'))


def test_runs_are_trained_tested_and_not_repeated(tools):
    start('a.py', 'b.py', temperatures=('0.1', '0.5'), seeds=('3',))
    trained = [call for call in tools if call[0] == 'train']
    assert len(trained) == 4
    options = trained[0][trained[0].index('--cfg-options') + 1 :]
    assert options == ['model.head.temperature=0.1', 'randomness.seed=3']
    assert trained[0][1] == 'a.py'
    assert '--resume' not in trained[0]
    folders = {call[call.index('--work-dir') + 1] for call in trained}
    assert len(folders) == 4
    tested = [call for call in tools if call[0] == 'test']
    assert {Path(call[2]).name for call in tested} == {'epoch_2.pth'}
    assert tested[0][-2:] == options  # which may be of the network
    first = next(r for r in rows() if r['temperature'] == 0.1)
    assert (first['val_start'], first['val']) == (1.0, 10.0)
    assert first['test'] == {'top1': 7.0}
    assert (first['loss'], first['algorithm']) == ('DCL', 'SimCLR')
    assert (first['batch'], first['lr'], first['images']) == (32, 0.5, 640)
    assert first['q'] == [i / 100 for i in range(1, 21)]
    assert first['commit'] == 'c0ffee'
    assert len(Path('out', first['log']).read_text().splitlines()) == 23
    assert '| b | **0.5** | 3 | 50.00 | 7.00 |' in (
        Path('out/table.md').read_text()
    )
    tools.clear()
    start('a.py', 'b.py', temperatures=('0.1', '0.5'), seeds=('3', '4'))
    assert len(tools) == 8  # seed 4 alone
    assert all('s4' in ' '.join(call) for call in tools)


def test_rates_follow_the_batch_and_factors(tools, capsys):
    flags = ('a.py', '--batch-sizes', '16', '64', '--lr-factors', '1', '0.5')
    start(*flags, '--fast')
    trained = [call for call in tools if call[0] == 'train']
    assert all({'--auto-scale-lr', '--fast'} <= {*call} for call in trained)
    found = {
        (
            option(call, 'train_dataloader.batch_size'),
            option(call, 'optim_wrapper.optimizer.lr'),
        )
        for call in trained
    }
    assert found == {(16, None), (64, None), (16, 0.015), (64, 0.015)}
    assert [x['batch_size'] for x in rows()] == [16, 64, 16, 64]
    assert {x['images'] for x in rows()} == {640}
    assert 'beware' not in capsys.readouterr().out
    assert '(16 to 64)' in Path('out/spread.md').read_text()
    tools.clear()
    start(*flags, '--fast')
    start(*flags, '--fast', '--dry-run')
    assert not tools


@pytest.mark.parametrize(
    ('first', 'then', 'left'),
    [
        ([], ['--batch-sizes', '16', '32'], [16]),
        (['--batch-sizes', '32'], [], []),
        ([], ['--batch-sizes', '32', '--seeds', '0', '1'], [32]),
        (['--batch-sizes', '32', '--gpus', '2'], ['--gpus', '2'], [None]),
    ],
)
def test_a_batch_of_the_config_is_one_run(tools, first, then, left):
    """If the config's learning rate is for the batch of all processes."""
    start('a.py', *first)
    tools.clear()
    start('a.py', *then)
    trained = [call for call in tools if call[0] == 'train']
    batches = [option(x, 'train_dataloader.batch_size') for x in trained]
    assert batches == left
    lines = Path('out/table.md').read_text().splitlines()
    batches = {row['batch'] for row in rows()}
    assert len(lines) == 3 + len(batches)  # head, rule, before training


def test_what_batches_and_factors_need_is_said_first(tools, tmp_path):
    config(tmp_path / 'c.py', more='')
    config(tmp_path / 'd.py', length='max_iters')
    for name, said in (('c.py', 'base_batch_size'), ('d.py', 'iterations')):
        with pytest.raises(SystemExit, match=said):
            start(name, '--batch-sizes', '16')
    assert not tools
    assert not Path('out').exists()


@pytest.mark.parametrize(
    ('flags', 'said'),
    [
        (('--batch-sizes', '1'), '--batch-sizes must be at least 2, got 1'),
        (('--lr-factors', '0'), '--lr-factors must be positive, got 0'),
        (('--jobs', '0'), '--jobs must be at least 1, got 0'),
        (('--linear', 'cifar'), '--linear must be one of .*cifar100.*, got'),
    ],
)
def test_flags_that_make_no_sense(tools, capsys, flags, said):
    with pytest.raises(SystemExit):
        start('a.py', *flags)
    assert said.partition(' .*')[0] in capsys.readouterr().err


def test_a_dry_run_says_how_long(tools, capsys):
    start('a.py', '--dry-run')
    said = capsys.readouterr().out
    assert '1 to do\n  a temperature 0.1 seed 0\n' in said
    assert 'is not known' in said
    assert not Path('out').exists()
    start('a.py')
    [row] = rows()
    Path('out/runs.jsonl').write_text(json.dumps(row | dict(seconds=1800)))
    start('a.py', '--dry-run', '--jobs', '2', seeds=('0', '1', '2', '3'))
    assert 'about 45 min, 2 at a time' in capsys.readouterr().out


def test_what_is_left_is_of_trainings_and_of_evaluations(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(sweep_time.time, 'time', lambda: now[0])
    a, b, c, d = (
        sweep_run.Setting('a.py', (), None, 1.0, 0.1, seed)
        for seed in range(4)
    )
    before = {one: dict(seconds=600) for one in (a, b)}
    clock = sweep_time.Clock([a, b, c, d], before, 2)
    for one, seconds, said in (
        *((a, 10, '10 min'), (c, 280, '2 min'), (b, 30, '2 min')),
        (d, 5, ''),
    ):
        with clock.measured(one):
            now[0] += seconds
        assert clock.left() == (said and f'; about {said} left')


def test_tables_alone(tools, capsys):
    with pytest.raises(SystemExit, match='has no line; give configs'):
        start()
    assert not Path('out').exists()
    start('a.py')
    Path('out/table.md').unlink()
    tools.clear()
    start()
    assert not tools
    assert Path('out/table.md').is_file()


def test_a_linear_evaluation_may_come_later(tools):
    start('a.py')
    tools.clear()
    start('a.py', '--linear', 'cifar100', seeds=('0', '1'))
    assert [call[0] for call in tools] == [
        *('evaluate', 'train', 'test', 'evaluate')
    ]
    assert tools[0][1].endswith('t0.1_s0/epoch_2.pth')
    assert [x['test'] for x in rows()] == [{'top1': 7, 'linear/top1': 5}] * 2
    tools.clear()
    start('a.py', '--linear', 'cifar100')
    assert not tools


def test_linear_is_of_the_run_of_the_line(tools, capsys):
    """And not of another that has taken its folder since."""
    start('a.py')
    note = next(Path('work').glob('*/sweep.json'))
    found = json.loads(note.read_text())
    found['words'].append('of_another')
    note.write_text(json.dumps(found))
    tools.clear()
    with pytest.raises(SystemExit, match='1 runs failed'):
        start('a.py', '--linear', 'cifar100')
    assert not tools
    assert 'has another run by now' in capsys.readouterr().out


def test_lines_of_other_data_are_not_the_runs_asked_for(tools):
    start('a.py', '--data-root', 'here')
    tools.clear()
    for flags in (('--data-root', 'there'), ('--fast',), ()):
        with pytest.raises(SystemExit, match='settings with --data-root here'):
            start('a.py', *flags)
    assert not tools
    start('a.py', '--data-root', 'here')
    assert not tools


@pytest.mark.parametrize(
    'axis', ['model.head.temperature=1', 'randomness.seed=1,2']
)
def test_what_has_a_flag_is_not_set_otherwise(tools, capsys, axis):
    with pytest.raises(SystemExit):
        start('a.py', '--grid', axis)
    assert 'sets this' in capsys.readouterr().err


def test_grids_add_up_and_misspelt_keys_are_told_first(tools, capsys):
    grid = ('--grid', 'train_cfg.max_epoch=1')
    with pytest.raises(SystemExit, match='max_epochs'):
        start('a.py', *grid, '--dry-run')
    one, other = 'train_dataloader.batch_size=8', 'train_cfg.max_epochs=1'
    start('a.py', '--grid', one, '--grid', other, '--dry-run')
    assert f'a {one} {other} temperature' in capsys.readouterr().out


def test_what_a_run_said_of_its_end(tmp_path):
    out = tmp_path / 'train.out'
    out.write_text('1\nerror: no such\nset it\n')
    said = sweep_run._why('train', 1, out)
    assert said.endswith('ends in\n    error: no such\n    set it')
    out.write_text('\n'.join(map(str, range(9))))
    said = sweep_run._why('train', -9, out)
    assert said.startswith('train failed (signal 9), ')
    assert said.endswith('\n    4\n    5\n    6\n    7\n    8')


def test_an_out_that_is_a_file(tools):
    Path('out').touch()
    with pytest.raises(SystemExit, match='--out out is a file'):
        start('a.py')


def test_a_checkpoint_that_is_gone_is_said(tools, capsys):
    start('a.py')
    next(Path('work').glob('*/epoch_2.pth')).unlink()
    with pytest.raises(SystemExit, match='1 runs failed'):
        start('a.py', '--linear', 'cifar100')
    assert 'its checkpoint is gone' in capsys.readouterr().out
    assert rows()[0]['test'] == {'top1': 7}


def test_what_was_interrupted_is_resumed(tools, monkeypatch, capsys):
    """Training that ended is only tested; other words begin anew."""
    whole = sweep_run.Processes.run

    def killed(self, words, out, threads):
        code = whole(self, words, out, threads)
        if words[0] == 'test':
            out.write_text('killed')
        return 137 if words[0] == 'test' else code

    monkeypatch.setattr(sweep_run.Processes, 'run', killed)
    with pytest.raises(SystemExit, match='runs failed'):
        start('a.py')
    monkeypatch.setattr(sweep_run.Processes, 'run', whole)
    log = next(Path('work').glob('*/*/vis_data/scalars.json'))
    text = log.read_text()
    log.write_text(''.join(text.splitlines(keepends=True)[:12]))
    tools.clear()
    start('a.py')
    assert [call[0] for call in tools] == ['train', 'test']
    assert '--resume' in tools[0]
    Path('out/runs.jsonl').unlink()
    tools.clear()
    start('a.py')
    assert [call[0] for call in tools] == ['test']
    Path('out/runs.jsonl').unlink()
    tools.clear()
    start('a.py', '--fast')
    assert 'begins anew' in capsys.readouterr().out
    assert [call[0] for call in tools] == ['train', 'test']
    assert '--resume' not in tools[0]


def test_a_failure_is_told_and_repeated(tools, capsys):
    for _ in range(2):
        tools.clear()
        with pytest.raises(SystemExit, match='1 runs failed; run again'):
            start('a.py', temperatures=('0.1', '0.95'))
        said = capsys.readouterr().out
        assert 'train.out ends in' in said
        assert '19\n    out of memory' in said
        assert '\n    5\n' not in said
    assert [call[0] for call in tools] == ['train']
    assert len(rows()) == 1
    Path('out/runs.jsonl').unlink()
    with pytest.raises(SystemExit, match='all 1 runs failed'):
        start('b.py', temperatures=('1',))


def test_a_metric_that_is_not_logged_ends_it_at_once(tools):
    with pytest.raises(SystemExit, match=r'no recall in .* accuracy/top1:'):
        start('a.py', '--metric', 'recall', seeds=('0', '1', '2'))
    assert [call[0] for call in tools] == ['train']
    start('a.py')
    assert [call[0] for call in tools] == ['train', 'test']


def test_unequal_images_and_commits_are_said(tools, capsys):
    start('a.py')
    [row] = rows()
    other = row | dict(seed=1, images=700, commit='decade')
    Path('out/runs.jsonl').write_text(
        f'{json.dumps(row)}\n{json.dumps(other)}'
    )
    start()
    said = capsys.readouterr().out
    assert 'rows of several commits, c0ffee, decade' in said
    assert 'unequal numbers of images, 640 to 700' in said


def test_configs_of_one_name_are_refused(tools):
    with pytest.raises(SystemExit, match=r'a\.py and other/a\.py would share'):
        start('a.py', 'other/a.py')
    assert not tools
    start('a.py', 'a.py')
    assert len(tools) == 2
    with pytest.raises(SystemExit, match=r'other/a\.py and a\.py would share'):
        start('other/a.py')
    with pytest.raises(FileNotFoundError, match='no config gone'):
        start('gone.py')


def test_runs_share_the_cores(monkeypatch, tmp_path):
    """Nobody makes views on a core that another run trains on."""
    seen = {}

    class Popen:
        def __init__(self, words, env, **_):
            seen.update(env)

        def wait(self):
            return 0

    monkeypatch.setattr(sweep_run.subprocess, 'Popen', Popen)
    monkeypatch.setattr(ahead, 'cores', lambda: 5)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 1)
    for jobs, spare in ((2, True), (3, False)):
        sweep_run.Processes(jobs).run(['train'], tmp_path / 'out', threads=1)
        assert seen['OMP_NUM_THREADS'] == '1'
        monkeypatch.setenv('LOCAL_WORLD_SIZE', seen['LOCAL_WORLD_SIZE'])
        assert ahead.core_to_spare(torch.device('cpu')) is spare
