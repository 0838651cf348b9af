"""Which lines are runs, and which are the same run."""

import json

import pytest

from mmdcl.errors import UserValueError
from mmdcl.report.sweeps.lines import key, read_rows
from tests.report.sweeps.rows import row


def write(path, *rows):
    path.write_text(''.join(f'{json.dumps(x)}\n' for x in rows))
    return path


def test_of_one_run_the_last_line_counts(tmp_path):
    book = write(
        tmp_path / 'runs.jsonl',
        row(val=1.0),
        row(seed=1),
        row(val=2.0) | dict(test={'linear': 3.0}),
    )
    first, second = read_rows(book)
    assert (first['seed'], first['val']) == (0, 2.0)
    assert first['test'] == {'linear': 3.0}
    assert second['seed'] == 1


@pytest.mark.parametrize(
    'other',
    [
        dict(config='b.py'),
        dict(options=['x=1']),
        dict(batch_size=64),
        dict(lr_factor=8.0),
        dict(temperature=0.2),
        dict(seed=1),
    ],
)
def test_runs_differ_in_what_was_set(other):
    assert key(row()) != key(row() | other)
    assert key(row()) == key(row() | dict(val=1.0, commit='other'))


def test_lines_of_older_sweeps_are_read(tmp_path):
    old = row()
    for name in ('options', 'batch_size', 'lr_factor'):
        old.pop(name)
    [found] = read_rows(write(tmp_path / 'runs.jsonl', old))
    assert key(found) == key(row())


def test_a_line_that_was_cut_off_goes(tmp_path, capsys):
    book = write(tmp_path / 'runs.jsonl', row(), row(seed=1))
    book.write_text(book.read_text()[:-20])
    before = book.read_text()
    assert [x['seed'] for x in read_rows(book, mend=False)] == [0]
    assert book.read_text() == before
    assert [x['seed'] for x in read_rows(book)] == [0]
    assert 'runs.jsonl:2 was cut off' in capsys.readouterr().out
    assert len(book.read_text().splitlines()) == 1


def test_lines_of_something_else_are_refused(tmp_path):
    book = write(tmp_path / 'runs.jsonl', dict(protocol='linear'))
    for text in (book.read_text(), 'hello', '{"half": \n'):
        book.write_text(text + '\n{}')
        with pytest.raises(UserValueError, match=r'jsonl:1 is no line of'):
            read_rows(book)
        assert book.read_text() == text + '\n{}'
