"""What README's table is made by."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmdcl.cli import sweep
from mmdcl.cli.main import parse


def row(config='a.py', temperature=0.1, seed=0, val=50.0, test=50.0, **more):
    return dict(
        config=config,
        temperature=temperature,
        seed=seed,
        val_start=None,
        val=val,
        test={'top1': test},
        commit='c0ffee',
        **more,
    )


def cells(text):
    return [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in text.splitlines()
    ]


def test_the_best_is_chosen_by_validation_and_not_by_the_test():
    rows = [
        row(temperature=0.1, val=60, test=90),
        row(temperature=0.2, val=70, test=10),
        row(config='b.py', temperature=0.1, val=80, test=20),
        row(config='b.py', temperature=0.2, val=10, test=95),
    ]
    head, _, *lines = cells(sweep.table(rows))
    assert head == ['config', 'temperature', 'seeds', 'validation', 'top1']
    assert [line[:2] for line in lines] == [
        ['a', '0.1'],
        ['a', '**0.2**'],
        ['b', '**0.1**'],
        ['b', '0.2'],
    ]
    assert lines[1] == ['a', '**0.2**', '0', '70.00', '10.00']


def test_mean_and_standard_deviation_of_the_sample():
    """Of 60, 62, 67: mean 63, deviation sqrt((9 + 1 + 16) / 2)."""
    rows = [
        row(seed=seed, val=val, test=val + 1)
        for seed, val in enumerate((60, 62, 67))
    ]
    line = cells(sweep.table(rows))[2]
    assert line == ['a', '**0.1**', '0, 1, 2', '63.00 ± 3.61', '64.00 ± 3.61']


def test_the_best_is_that_of_the_mean_over_seeds():
    rows = [row(seed=0, val=99), row(seed=1, val=1)]
    rows += [row(temperature=0.2, seed=seed, val=51) for seed in (0, 1)]
    assert cells(sweep.table(rows))[3][1] == '**0.2**'


def test_before_training_and_other_options_have_their_lines():
    rows = [
        row(options=['model.x=1'], seed=0) | dict(val_start=20.0),
        row(options=['model.x=2'], seed=0) | dict(val_start=20.0),
        row(options=['model.x=2'], seed=1) | dict(val_start=30.0),
    ]
    _, _, start, *lines = cells(sweep.table(rows))
    assert start == ['before training', '', '0, 1', '25.00 ± 7.07', '']
    assert [line[0] for line in lines] == ['a model.x=1', 'a model.x=2']


def test_grid():
    assert sweep.settings(['x=1,2', 'y=3']) == [['x=1', 'y=3'], ['x=2', 'y=3']]
    assert sweep.settings([]) == [[]]
    with pytest.raises(SystemExit, match='expected KEY=VALUE'):
        sweep.settings(['x'])


@pytest.fixture
def tools(monkeypatch, tmp_path):
    """Train and test in no time: accuracy is 100 times the temperature."""
    calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sweep, 'provenance', lambda: dict(machine='m', commit='c0ffee')
    )
    for name in ('a.py', 'b.py', 'other/a.py'):
        tmp_path.joinpath(name).parent.mkdir(exist_ok=True)
        tmp_path.joinpath(name).touch()

    def run(command, stdout, **kwargs):
        _, _, _, name, *rest = map(str, command)
        calls.append([name, *rest])
        work_dir = Path(rest[rest.index('--work-dir') + 1])
        if name == 'test':
            out = Path(rest[rest.index('--out') + 1])
            out.write_text(json.dumps({'top1': 7.0}))
            return SimpleNamespace(returncode=0)
        option = next(x for x in rest if x.startswith('model.head.temp'))
        accuracy = 100 * float(option.partition('=')[2])
        if accuracy > 90:
            print(*range(20), 'out of memory', sep='\n', file=stdout)
            return SimpleNamespace(returncode=1)
        log = work_dir / '20260101' / 'vis_data' / 'scalars.json'
        log.parent.mkdir(parents=True, exist_ok=True)
        records = [
            {'accuracy/top1': 1.0, 'step': 0},
            {'loss': 1.0, 'step': 3},
            {'accuracy/top1': accuracy / 2, 'step': 1},
            {'accuracy/top1': accuracy, 'step': 2},
        ]
        log.write_text('\n'.join(map(json.dumps, records)))
        work_dir.joinpath('last_checkpoint').write_text('epoch_2.pth')
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(sweep.subprocess, 'run', run)
    return calls


def start(monkeypatch, *flags):
    sweep.run(parse('sweep', ['--out', 'out', *flags]))


def test_runs_are_trained_tested_and_not_repeated(tools, monkeypatch):
    flags = ('a.py', 'b.py', '--temperatures', '0.1', '0.5', '--seeds', '3')
    start(monkeypatch, *flags)
    trained = [call for call in tools if call[0] == 'train']
    assert len(trained) == 4
    assert trained[0][1:5] == [
        'a.py',
        '--cfg-options',
        'model.head.temperature=0.1',
        'randomness.seed=3',
    ]
    assert len({call[-1] for call in trained}) == 4  # work_dirs
    tested = [call for call in tools if call[0] == 'test']
    assert {call[2] for call in tested} == {'epoch_2.pth'}
    rows = sweep.read_rows(Path('out/runs.jsonl'))
    first = next(r for r in rows if r['temperature'] == 0.1)
    assert (first['val_start'], first['val']) == (1.0, 10.0)
    assert first['test'] == {'top1': 7.0}
    assert first['commit'] == 'c0ffee'
    assert Path('out', first['log']).is_file()
    assert '| b | **0.5** | 3 | 50.00 | 7.00 |' in (
        Path('out/table.md').read_text()
    )
    tools.clear()
    start(monkeypatch, *flags, '4')
    assert len(tools) == 8  # seed 4 alone
    assert all('s4' in call[-1] for call in tools)


def test_a_failure_is_told_and_repeated(tools, monkeypatch, capsys):
    flags = ('a.py', '--temperatures', '0.1', '0.95', '--seeds', '0')
    for _ in range(2):
        tools.clear()
        with pytest.raises(SystemExit, match='1 runs failed; run again'):
            start(monkeypatch, *flags)
        said = capsys.readouterr().out
        assert 'train.out ends in' in said
        assert '19\n    out of memory' in said
        assert '\n    5\n' not in said
    assert [call[0] for call in tools] == ['train']
    assert len(sweep.read_rows(Path('out/runs.jsonl'))) == 1
    with pytest.raises(SystemExit, match='all 1 runs failed'):
        start(
            monkeypatch, 'b.py', '--temperatures', '1', '--seeds', '0',
            '--out', 'none',
        )  # fmt: skip


def test_a_metric_that_is_not_logged(tools, monkeypatch, capsys):
    with pytest.raises(SystemExit, match='all 1 runs failed'):
        start(
            monkeypatch, 'a.py', '--temperatures', '0.1', '--seeds', '0',
            '--metric', 'recall',
        )  # fmt: skip
    assert 'no recall in' in capsys.readouterr().out


def test_a_line_that_was_cut_off_is_repeated(tools, monkeypatch, capsys):
    flags = ('a.py', '--temperatures', '0.1', '--seeds', '0', '1')
    start(monkeypatch, *flags)
    book = Path('out/runs.jsonl')
    book.write_text(book.read_text()[:-20])
    tools.clear()
    start(monkeypatch, *flags)
    assert 'runs.jsonl:2 was cut off' in capsys.readouterr().out
    assert len(tools) == 2
    assert len(book.read_text().splitlines()) == 2


def test_configs_of_one_name_are_refused(tools, monkeypatch):
    few = ('--temperatures', '0.1', '--seeds', '0')
    with pytest.raises(SystemExit, match=r'a\.py and other/a\.py would share'):
        start(monkeypatch, 'a.py', 'other/a.py', *few)
    assert not tools
    start(monkeypatch, 'a.py', 'a.py', *few)
    assert len(tools) == 2
    with pytest.raises(SystemExit, match=r'other/a\.py and a\.py would share'):
        start(monkeypatch, 'other/a.py', *few)
    with pytest.raises(FileNotFoundError, match='no config gone'):
        start(monkeypatch, 'gone.py', *few)
