"""What a user reads of a run: in a pipe, in a terminal, in the log file."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from tests.commands.documented import ROOT, logged, prepared

CONFIG = f"""
_base_ = '{ROOT}/configs/dcl_resnet18_1xb128_digits.py'
default_hooks = dict(logger=dict(interval=1))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=2, end=2)]
train_cfg = dict(max_epochs=2, val_interval=1)
train_dataloader = dict(batch_size=32, dataset=dict(indices=64))
"""
# A package of others, which speaks in each way while it is imported.
LOUD = """
import logging, warnings
print('loud printed')
warnings.warn('loud warned')
logging.getLogger('loud').warning('loud logged')
logging.getLogger('loud').error('loud failed')
"""
MINE = """
import warnings
print('mine printed')
warnings.warn('mine warned')
"""
IMPORTS = "custom_imports = dict(imports=['loud', '{}'])"
LOUDLY = {'loud printed', 'loud warned', 'loud logged', 'loud failed'}
LINE = re.compile(
    r'\d\d:\d\d:\d\d  epoch 1/2  1/2  loss \d+\.\d{4}  q 0\.\d{4}  '
    r'[\d,.]+ images/s  ETA \d:\d\d:\d\d  kNN [\d.]+'
)


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder of the user's, her code, and somebody's package."""
    folder = tmp_path_factory.mktemp('elsewhere')
    package = folder / 'site-packages'
    package.mkdir()
    (package / 'loud.py').write_text(LOUD)
    (folder / 'mine.py').write_text(MINE)
    (folder / 'small.py').write_text(CONFIG)
    (folder / 'breaks.py').write_text('1 / 0')
    for config, other in (('small_loud', 'mine'), ('broken', 'breaks')):
        imports = f"_base_ = 'small.py'\n{IMPORTS.format(other)}"
        (folder / f'{config}.py').write_text(imports)
    return folder


def command(place, *words):
    """With her code and the package to be found, for `prepared`."""
    path = [str(place), str(place / 'site-packages'), str(ROOT)]
    return prepared(
        [sys.executable, '-m', 'mmdcl', *words],
        place,
        PYTHONPATH=os.pathsep.join(path),
        TERM='xterm',
    )


def said_by(place, *words, code=0):
    done = subprocess.run(**command(place, *words), stdout=subprocess.PIPE)
    assert done.returncode == code, done.stdout
    return done.stdout


@pytest.fixture(scope='module')
def quiet(place):
    return said_by(place, 'train', 'small_loud.py', '--work-dir', 'quiet')


@pytest.fixture(scope='module')
def verbose(place):
    flags = ['--work-dir', 'verbose', '--verbose', '--no-report']
    return said_by(place, 'train', 'small_loud.py', *flags)


def log_of(place, name):
    return max((place / name).glob('*/*.log')).read_text()


def test_the_first_screen(place, quiet):
    lines = quiet.splitlines()
    first = next(i for i, line in enumerate(lines) if LINE.fullmatch(line))
    assert first <= 30
    rows = dict(re.findall(r'^  (\w[\w ]+?)  +(.+)$', quiet, re.M))
    assert rows['config'] == 'small_loud.py'
    assert (place / rows['as it runs']).is_file()
    assert rows['data'] == 'Digits, 64 images of 10 classes'
    assert rows['model'].startswith('SimCLR, ResNet_CIFAR 18, 725,136 ')
    assert rows['batch'] == '32 images (1 process x 32)'
    assert rows['negatives'].startswith('62 for each anchor (both views')
    assert rows['loss'] == 'DCLHead, temperature 0.1'
    assert rows['optimizer'].startswith('SGD, lr 0.1, momentum 0.9')
    assert rows['schedule'] == 'CosineAnnealingLR over epochs 0 to 2'
    assert rows['length'] == '2 epochs of 2 iterations'
    assert rows['validation'].startswith('kNN, k 20, temperature 0.1, 359 ')
    assert rows['precision'].split()[0] in ('bfloat16', 'float32')
    assert rows['device'].startswith('1 x ')
    assert rows['seed'] == '0'
    assert 'torch ' in rows['versions']
    assert 'mmengine ' in rows['versions']
    assert rows['work_dir'] == 'quiet'
    assert (place / rows['log'].split()[0]).is_file()
    assert 'start' not in rows


def test_no_line_is_long(quiet):
    for line in quiet.splitlines():
        assert len(line) <= 120 or len(max(line.split(), key=len)) > 100


def test_what_others_say_is_in_the_log_file(place, quiet):
    assert 'loud failed' in quiet  # errors are seen
    for words in [*LOUDLY - {'loud failed'}, 'param_scheduler = [']:
        assert words not in quiet
    found = log_of(place, 'quiet')
    for words in [*LOUDLY, 'param_scheduler = [', 'Epoch(train)']:
        assert found.count(words) >= 1, words
    assert ' - loud - WARNING - loud logged' in found
    assert 'mine printed' in quiet
    assert 'mine warned' in quiet


def test_verbose_brings_all_back(verbose):
    for words in [*LOUDLY, 'param_scheduler = [', 'Epoch(train)']:
        assert words in verbose
    assert 'negatives ' not in verbose


def test_the_numbers_are_the_same(place, quiet, verbose):
    times = {'time', 'data_time', 'training/data_wait'}
    found = [logged(place / name) for name in ('quiet', 'verbose')]
    assert [x.keys() for x in found[0]] == [x.keys() for x in found[1]]
    for one, other in zip(*found, strict=True):
        for key in one.keys() - times:
            assert one[key] == other[key]
    assert {'npc_multiplier', 'neg_cosine', 'lr'} <= found[0][1].keys()


def test_a_test_shows_the_result_and_where_it_lies(place, quiet):
    words = ['test', 'small.py', 'quiet/epoch_2.pth', '--work-dir', 'test']
    said = said_by(place, *words, '--out', 'm.json')
    assert len(said.splitlines()) <= 15
    metrics = json.loads((place / 'm.json').read_text())
    for name, value in metrics.items():
        assert f'\n{name}: {value:.4f}\n' in said
    assert said.endswith('written to m.json\n')
    assert '  checkpoint  quiet/epoch_2.pth\n' in said


def test_a_traceback_comes_with_what_was_held(place):
    """An error that mmdcl cannot explain, before there is a log file."""
    said = said_by(place, 'train', 'broken.py', code=1)
    for words in LOUDLY:
        assert said.count(f'{words}\n') == 1
    assert said.index('loud warned') < said.index('Traceback')
    assert 'ZeroDivisionError' in said


def test_in_a_terminal_there_is_a_bar(place):
    words = ['train', 'small.py', '--work-dir', 'bar', '--no-report']
    given = command(place, *words)
    here, there = pty.openpty()
    said = b''
    with subprocess.Popen(**dict(given, stderr=there), stdout=there) as ours:
        os.close(there)
        while True:
            try:
                some = os.read(here, 65536)
            except OSError:  # all that wrote have ended
                break
            if not some:
                break
            said += some
        assert ours.wait(timeout=100) == 0
    text = said.decode()
    assert re.search(r'epoch 1/2  1/2 .*ETA 0:\d\d:\d\d  kNN', text)
    assert '\x1b[2K' in text  # drawn again in its place
    # The cursor is seen all the time, so that no kill can leave it hidden.
    assert text.index('\x1b[?25h') < text.index('epoch 1/2  1/2 ')
    assert text.count('\x1b[?25l') == 1
    assert '\x1b' not in log_of(place, 'bar')
