"""``mmdcl plot curves`` and ``mmdcl plot coupling`` as typed."""

import json

import pytest

from mmdcl.cli.main import main
from tests.report.logs import write_run


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in 'ab':
        write_run(tmp_path / 'runs' / name)
    return tmp_path


@pytest.mark.parametrize('kind', ['curves', 'coupling'])
def test_where_pictures_go(here, capsys, kind):
    main('plot', [kind, 'runs/a'])
    alone = [f'runs/a/plots/{kind}.{x}' for x in ('png', 'svg')]
    assert capsys.readouterr().out.splitlines() == alone
    main('plot', [kind, 'runs/a', str(here / 'runs/b'), 'runs/./a'])
    both = [f'plots/{kind}.{x}' for x in ('png', 'svg')]
    assert capsys.readouterr().out.splitlines() == both
    main('plot', [kind, 'runs/a', '--out', 'x/y.svg'])
    assert capsys.readouterr().out == 'x/y.svg\n'
    for path in [*alone, *both, 'x/y.svg']:
        assert (here / path).stat().st_size > 5000
    assert '2 runs: a, b' in (here / both[1]).read_text()


@pytest.mark.parametrize(
    ('words', 'sentence'),
    [
        (['curves', 'none'], 'error: none does not exist; give the work_dir'),
        (['curves', 'runs'], 'error: runs holds no log of a run'),
        (
            ['curves', 'runs/a', '--out', 'empty.json/x.png'],
            'error: cannot wr',
        ),
        (['coupling', 'upstream.json'], 'error: no q was logged in upstream:'),
        (['curves', 'empty.json'], 'error: empty.json holds no line of a log'),
    ],
)
def test_what_cannot_be_drawn_gets_a_sentence(here, words, sentence):
    line = json.dumps(dict(loss=1.0, iter=1, step=1))
    here.joinpath('upstream.json').write_text(line)
    here.joinpath('empty.json').write_text(line[:9])
    with pytest.raises(SystemExit) as caught:
        main('plot', words)
    assert str(caught.value).startswith(sentence)
    assert '\n' not in str(caught.value)
