"""Who is heard on the console, and where the others are heard."""

import io
import logging
import sys
import warnings

import pytest

from mmdcl.cli.terminal.layout import WIDTH, Plain, fold
from mmdcl.cli.terminal.quiet import Quiet, active, quiet
from mmdcl.cli.terminal.screen import Screen

OTHERS = '/usr/lib/python3/site-packages/loud.py'


def speak(code, path=OTHERS, name='loud'):
    """Run code as if a file at ``path`` had it."""
    exec(compile(code, path, 'exec'), dict(__name__=name))


PRINT = "print('one', end=' '); print('two\\nthree', end='')"
WARN = "import warnings; warnings.warn('beware')"
LOG = "import logging; logging.getLogger('quiet test').warning('beware')"


@pytest.mark.parametrize(
    ('path', 'name', 'heard'),
    [
        (OTHERS, 'loud', False),
        ('/home/her/mmpretrain/mmpretrain/apis.py', 'mmpretrain.apis', False),
        ('/home/her/mine.py', 'mine', True),
    ],
    ids=['installed', 'a clone of OpenMMLab', 'her own'],
)
def test_who_prints(path, name, heard, capsys):
    with quiet():
        speak(PRINT, path, name)
        assert ('one two\nthree' in capsys.readouterr().out) == heard
    assert sys.stdout is not active()


@pytest.mark.parametrize('how', [PRINT, WARN, LOG])
def test_nothing_is_lost_without_a_log_file(how, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger('quiet test'), 'parent', None)
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter('always')
        speak(how)
        assert ''.join(capsys.readouterr()) == ''
    said = capsys.readouterr().err
    assert said.count('one two\nthree' if how == PRINT else 'beware') == 1


def test_errors_are_heard_at_once_and_once(capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger('quiet test'), 'parent', None)
    with quiet():
        speak(LOG.replace('warning', 'error'))
        assert capsys.readouterr().err == 'beware\n'
    assert capsys.readouterr().err == ''


class Run:
    """What of a runner decides on its log."""

    def __init__(self, folder, rank):
        self.log_dir, self.timestamp, self.rank = folder, 'now', rank
        self.logger = logging.Logger('run')
        self.logger.handlers = [logging.StreamHandler(sys.stdout)]
        if not rank:
            file = logging.FileHandler(folder / 'now.log')
            self.logger.handlers.append(file)


@pytest.mark.parametrize('rank', [0, 1])
def test_the_log_file_has_all_in_order(rank, tmp_path, capsys):
    with quiet():
        speak("print('early')")
        run = Run(tmp_path, rank)
        active().take_over(run)
        active().give_file(run)
        speak("print('\\033[31mlate\\033[0m')")
        loud = dict(__name__='loud', log=run.logger)
        code = "log.info('a config'); log.error('a fault')"
        exec(compile(code, OTHERS, 'exec'), loud)
        run.logger.warning('our word')
    assert capsys.readouterr().out == 'error: a fault\nwarning: our word\n'
    found = [x.read_text().split('\n') for x in tmp_path.glob('*.log')]
    if rank:  # what is early the first rank has said as well
        assert [x.name for x in tmp_path.iterdir()] == ['now_rank1.log']
        assert found[0][0].endswith(' - loud - INFO - late')
    else:
        words = ['early', 'late', 'a config', 'a fault', 'our word', '']
        assert found == [words]


def test_who_has_a_message_handed_on_is_who_speaks(capsys):
    code = 'from mmengine.logging import print_log; print_log("a word")'
    with quiet():
        speak(code)
        assert capsys.readouterr().out == ''
        speak(code, '/home/her/mine.py', 'mine')
        assert capsys.readouterr().out == 'a word\n'


def test_unasked_nothing_changes():
    before = sys.stdout, warnings.showwarning, logging.lastResort
    with quiet(False):
        assert active() is None
        assert before == (sys.stdout, warnings.showwarning, logging.lastResort)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_lines_stay_above_the_bar(monkeypatch):
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setenv('COLUMNS', '80')
    out = Terminal()
    screen = Screen(out)
    screen.start(10, 2)
    screen.write('half a ')
    assert 'half a' not in out.getvalue()
    screen.write('line [not markup]\n')
    screen.move(5, 'epoch 1/2', 'ETA 0:00:07', now=True)
    assert 'half a line [not markup]\n' in out.getvalue()
    assert 'epoch 1/2' in out.getvalue()
    drawn = len(out.getvalue())
    screen.move(6, 'epoch 2/2')
    assert len(out.getvalue()) == drawn  # too soon after the last
    screen.write('not ended')
    screen.stop()
    assert out.getvalue().endswith('not ended')
    screen.show('after')
    assert out.getvalue().endswith('after\n')


@pytest.mark.parametrize(
    ('out', 'term'), [(io.StringIO, 'xterm'), (Terminal, 'dumb')]
)
def test_elsewhere_there_is_no_bar(out, term, monkeypatch):
    monkeypatch.setenv('TERM', term)
    stream = out()
    screen = Screen(stream)
    screen.start(10, 0)
    screen.move(5, 'epoch 1/2', now=True)
    screen.show('a line')
    screen.stop()
    assert stream.getvalue() == 'a line\n'


def test_long_lines_are_folded_and_commands_are_not():
    words = 'word ' * 40
    folded = fold(words, 'begin ', '      ').split('\n')
    assert len(folded) == 2
    assert max(map(len, folded)) <= WIDTH
    assert folded[0].startswith('begin word')
    assert folded[1].startswith('      word')
    path = '/long' * 40
    assert path in fold(f'in {path} and more').split()
    record = logging.LogRecord('', logging.WARNING, '', 0, '', (), None)
    record.msg = f'go on by\n  {words}'
    assert Plain().format(record) == f'warning: go on by\n  {words}'


@pytest.mark.parametrize(
    ('out', 'error'), [(Terminal, OSError), (io.StringIO, BrokenPipeError)]
)
def test_training_goes_on_when_nobody_reads(out, error, monkeypatch):
    def gone(text):
        raise error

    monkeypatch.setenv('TERM', 'xterm')
    stream = out()
    screen = Screen(stream)
    screen.start(10, 0)
    stream.write = gone
    screen.show('a line')
    screen.move(5, now=True)
    screen.stop()
    screen.show('a line')


def test_a_stream_like_the_one_before():
    out = Terminal()
    assert Quiet(out).isatty()
    assert Quiet(out).write('of mine\n') == 8
    assert out.getvalue() == 'of mine\n'
