"""What runs are called beside each other."""

from mmdcl.report.runs.differences import (
    differences,
    kinds,
    recipe_digest,
)
from mmdcl.report.runs.folder import read_run
from tests.report.logs import write_run


def labels(tmp_path, *settings):
    runs = []
    for i, kwargs in enumerate(settings):
        write_run(tmp_path / f'run{i}', end=20, quality=False, **kwargs)
        runs.append(read_run(tmp_path / f'run{i}'))
    return differences(runs)


DCL, INFO_NCE = dict(loss='mmdcl.DCLHead'), dict(loss='mmdcl.InfoNCEHead')


def test_what_differs_is_named_and_nothing_else(tmp_path):
    wanted = ['DCL, batch 32', 'DCL, batch 128', 'InfoNCE, batch 32']
    found = labels(
        tmp_path,
        dict(DCL, batch=32),
        dict(DCL, batch=128),
        dict(INFO_NCE, batch=32),
    )
    assert found == wanted


def test_the_recipe_knows_better_than_the_config(tmp_path):
    """Of 8 processes, say, and a rate that was scaled."""
    large = dict(DCL, batch=32, recipe=dict(batch=256, lr=0.3, seed=1))
    small = dict(DCL, batch=32, recipe=dict(batch=32, lr=0.0375, seed=2))
    found = labels(tmp_path, large, small)
    assert found == ['batch 256, lr 0.3', 'batch 32, lr 0.0375']


def test_seeds_tell_runs_apart_only_if_nothing_else_does(tmp_path):
    seeds = [dict(DCL, recipe=dict(seed=x)) for x in (0, 1)]
    assert labels(tmp_path / 'a', *seeds) == ['seed 0', 'seed 1']
    other = dict(INFO_NCE, recipe=dict(seed=0))
    found = labels(tmp_path / 'b', *seeds, other)
    assert found == ['DCL, seed 0', 'DCL, seed 1', 'InfoNCE, seed 0']


def test_other_settings_and_at_last_the_folder(tmp_path):
    assert labels(tmp_path / 'a', DCL, DCL) == ['run0', 'run1']
    assert labels(tmp_path / 'b', DCL) == ['run0']
    write_run(tmp_path / 'c' / 'run0', end=20)
    log = write_run(tmp_path / 'd' / 'run0', end=20)
    paths = [tmp_path / name / 'run0' for name in 'cd']
    assert differences([*map(read_run, paths)]) == ['c/run0', 'd/run0']
    text = log.with_name('config.py').read_text()
    log.with_name('config.py').write_text(
        text.replace("'mmdcl.Digits'", "'mmdcl.Digits', part=(0, 5)")
    )
    assert differences([*map(read_run, paths)]) == [
        'c/run0',
        'part=(0, 5)',
    ]


def test_what_is_long_is_not_shown(tmp_path):
    for i in range(2):
        log = write_run(tmp_path / f'run{i}', end=20)
        config = log.with_name('config.py')
        mean = [123.675 + i, 116.28, 103.53]
        config.write_text(f'{config.read_text()}mean = {mean}\n')
    runs = [read_run(tmp_path / f'run{i}') for i in range(2)]
    assert differences(runs) == ['run0', 'run1']
    assert kinds(runs) == [0, 1]
    data = [dict(data=f'{"long " * 9}{i} in x') for i in range(2)]
    some = [dict(recipe=x) for x in data]
    assert labels(tmp_path / 'a', *some) == ['run0', 'run1']


def test_seeds_are_of_one_kind(tmp_path):
    for i in range(3):
        recipe = dict(seed=i, lr=0.1 + (i == 2))
        write_run(tmp_path / str(i), end=20, recipe=recipe)
    runs = [read_run(tmp_path / str(i)) for i in range(3)]
    assert kinds(runs) == [0, 0, 1]


def test_a_recipe_is_all_but_the_loss_and_what_a_sweep_sets(tmp_path):
    first, other = tmp_path / 'first', tmp_path / 'other'
    write_run(first, loss='mmdcl.DCLHead', batch=32)
    write_run(other, loss='mmdcl.InfoNCEHead', batch=64)
    digest = recipe_digest(read_run(first))
    assert len(digest) == 8
    assert recipe_digest(read_run(other)) == digest
    for path in other.rglob('*.py'):
        path.write_text(path.read_text().replace('epochs=10', 'epochs=20'))
    assert recipe_digest(read_run(other)) != digest
