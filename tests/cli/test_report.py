import pytest

from mmdcl.cli.main import main
from tests.report.logs import write_run
from tests.report.pages import read


def test_the_page_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / 'a')
    write_run(tmp_path / 'b', batch=64)
    main('report', ['a', '--no-images', '--out', 'pages/mine.html'])
    assert capsys.readouterr().out == 'pages/mine.html\n'
    assert not (tmp_path / 'a/report.html').exists()
    main('report', ['a', 'b'])
    assert capsys.readouterr().out == 'report.html\n'
    assert 'differences' in read(tmp_path / 'report.html').sections


def test_mistakes_end_in_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r'error: nowhere .*\.$|error: '):
        main('report', ['nowhere'])
    with pytest.raises(SystemExit):
        main('report', ['a', 'b', '--trust'])
    said = capsys.readouterr().err
    assert '--trust is for the page of one run, got 2 runs' in said
