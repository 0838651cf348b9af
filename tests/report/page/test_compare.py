import pytest

from mmdcl.errors import UserError, UserValueError
from mmdcl.report.page.compare import write_comparison
from tests.report.logs import write_run
from tests.report.page.test_write import EVIL, EVIL_NAME, RECIPE
from tests.report.pages import read


def test_what_differs_and_what_came_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / 'a', recipe=RECIPE)
    other = RECIPE | dict(loss='InfoNCE', seed=1)
    write_run(
        tmp_path / 'b', recipe=other, loss='mmdcl.InfoNCEHead', shift=1.5
    )
    path = write_comparison(['a', 'b'])
    assert path.resolve() == tmp_path / 'report.html'
    found = read(path)
    assert list(found.sections) == [
        'results',
        'differences',
        'curves',
        'coupling',
    ]
    differs = found.sections['differences'].split()
    assert differs[: differs.index('Settings')][-6:] == [
        'loss',
        'DCL',
        'InfoNCE',
        'seed',
        '0',
        '1',
    ]
    assert 'model.head.type' in differs
    assert 'temperature' not in differs
    # the last loss of each, 5 / (1 + 200 / 50) and 1.5 more
    results = found.sections['results'].split()
    assert {'1', '2.5', '20.00'} <= set(results)
    assert not found.dangers()


def test_runs_of_which_one_knows_less_differ_in_what_both_know(tmp_path):
    write_run(tmp_path / 'a', recipe=RECIPE)
    write_run(tmp_path / 'b')
    found = read(
        write_comparison(
            [tmp_path / 'a', tmp_path / 'b'], tmp_path / 'both.html'
        )
    )
    assert 'Nothing that is known' in found.sections['differences']


def test_nothing_hostile_is_more_than_text(tmp_path):
    write_run(tmp_path / EVIL_NAME, recipe=RECIPE)
    write_run(tmp_path / 'b', recipe=dict.fromkeys(RECIPE, EVIL))
    paths = [tmp_path / EVIL_NAME, tmp_path / 'b']
    found = read(write_comparison(paths, tmp_path / 'both.html'))
    assert not found.dangers()
    assert '<script>alert(1)</script>' in found.sections['differences']


def test_mistakes_are_one_sentence(tmp_path):
    write_run(tmp_path / 'a')
    with pytest.raises(UserValueError, match='different runs'):
        write_comparison([tmp_path / 'a', tmp_path / 'b' / '..' / 'a'])
    with pytest.raises(UserError):
        write_comparison([tmp_path / 'a', tmp_path / 'b'])
