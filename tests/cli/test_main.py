"""What is typed, before anything is run."""

import subprocess
import sys
from pathlib import Path

import pytest

from mmdcl import config_path
from mmdcl.checkpoints.export import STYLES
from mmdcl.cli import configs, export_flags, flags
from mmdcl.cli.main import main, parse
from mmdcl.cli.ranks import without_gpus
from mmdcl.configs import names

WORDS = {
    'demo': [],
    'train': ['dcl_resnet50_8xb32'],
    'test': ['dcl_resnet50_8xb32', 'a.pth'],
    'evaluate': ['a.pth', '--protocol', 'knn', '--dataset', 'cifar10'],
    'export': ['a.pth', 'b.pth'],
    'sweep': ['dcl_resnet50_8xb32', '--out', 'a'],
    'configs': [],
    'doctor': [],
    'plot': ['pairs', 'a.pth'],
    'report': ['a'],
    'features': ['a.pth', '.', '--out', 'c.npz'],
    'push': ['a', 'b/c'],
}
# Nothing that is slow to import is needed to read what was typed.
LIGHT = """
import sys
from mmdcl.cli.main import parse
parse({command!r}, {words!r})
heavy = {{'torch', 'numpy', 'mmengine', 'rich'}} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize('command', flags.COMMANDS)
def test_reading_what_was_typed_imports_nothing_slow(command):
    code = LIGHT.format(command=command, words=WORDS[command])
    subprocess.run([sys.executable, '-c', code], check=True)


def test_a_misspelt_command_flag_and_config(capsys):
    with pytest.raises(SystemExit):
        main(words=['trian', 'a.py'])
    said = capsys.readouterr().err
    assert "no command 'trian'; did you mean train?" in said
    assert len(said.splitlines()) == 2
    with pytest.raises(SystemExit):
        parse('train', ['dcl_resnet50_8xb32', '--wrok-dir', 'here'])
    assert 'did you mean --work-dir?' in capsys.readouterr().err
    with pytest.raises(SystemExit):  # not taken for --no-validate
        parse('train', ['dcl_resnet50_8xb32', '--no-val'])
    assert 'nothing takes --no-val' in capsys.readouterr().err
    with pytest.raises(SystemExit, match='did you mean dcl_resnet50_8xb32'):
        main('train', ['dcl_resnt50_8xb32'])
    with pytest.raises(SystemExit, match='resnet50_8xb32, the one of mmdcl'):
        main('train', ['elsewhere/dcl_resnet50_8xb32.py'])


def test_a_data_root_is_not_empty(capsys):
    name = 'dcl_resnet50_1xb64_images'
    with pytest.raises(SystemExit):
        parse('train', [name, '--data-root', ''])
    assert '--data-root: it is empty' in capsys.readouterr().err


def test_without_a_command_there_is_help(capsys):
    with pytest.raises(SystemExit):
        main(words=[])
    said = capsys.readouterr().out
    assert all(f'\n  {command} ' in said for command in flags.COMMANDS)


def test_a_file_comes_before_a_name_of_ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('dcl_resnet50_8xb32').touch()
    args = parse('train', ['dcl_resnet50_8xb32'])
    assert args.config == 'dcl_resnet50_8xb32'
    args = parse('train', ['dcl_resnet50_8xb32.py'])
    assert args.config == config_path('dcl_resnet50_8xb32')


def test_two_who_start_processes_are_one_too_many(capsys):
    words = ['dcl_resnet50_8xb32', '--gpus', '2', '--launcher', 'slurm']
    with pytest.raises(SystemExit):
        parse('train', words)
    assert 'leave out --launcher slurm' in capsys.readouterr().err


@pytest.mark.parametrize('flag', ['--amp', '--resume'])
def test_knn_does_not_train(flag, capsys):
    with pytest.raises(SystemExit):
        parse('evaluate', [*WORDS['evaluate'], flag])
    assert f'{flag} is for protocols that train' in capsys.readouterr().err


@pytest.mark.parametrize('gpus', [['--gpus', '2'], ['--gpus=2']])
def test_ranks_are_not_asked_to_start_ranks(gpus):
    assert without_gpus(['c', *gpus, '--amp']) == ['c', '--amp']


def test_styles_are_those_that_can_be_written():
    assert set(export_flags.STYLES) == {*STYLES, 'timm-hub'}


def test_the_list_of_configs(capsys):
    configs.run(parse('configs', []))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(names())
    assert all(len(line.split()) > 3 for line in lines)
    configs.run(parse('configs', ['bccd']))
    assert 0 < len(capsys.readouterr().out.splitlines()) < len(lines)
    with pytest.raises(SystemExit, match='no config has'):
        configs.run(parse('configs', ['resnet51']))


@pytest.mark.parametrize('name', names())
def test_a_copy_is_the_same_config_elsewhere(name, tmp_path, monkeypatch):
    from mmengine.config import Config

    monkeypatch.chdir(tmp_path)
    configs.run(parse('configs', ['--copy', name]))
    copy = Config.fromfile(f'{Path(name).name}.py')
    assert copy.to_dict() == Config.fromfile(config_path(name)).to_dict()
    with pytest.raises(SystemExit, match='exists'):
        configs.run(parse('configs', ['--copy', name]))
