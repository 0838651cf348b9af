"""``mmdcl doctor``, in environments that are made up and in this one."""

import json
import subprocess
import sys
from argparse import Namespace
from importlib import metadata
from types import SimpleNamespace

import pytest

from mmdcl.cli import doctor
from mmdcl.cli.doctor import known_pairs, machine
from mmdcl.cli.doctor.known_pairs import number

GOOD = dict(torch='2.15.0', torchvision='0.29.2', numpy='2.4.6')
TRIO = {'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6'}
TRIO |= {'onedl-mmpretrain': '1.3.6'}
OLD = {'mmengine': '0.10.7', 'mmcv-lite': '2.1.0', 'mmpretrain': '1.2.0'}
OLD |= {'numpy': '1.26.4', 'setuptools': '81.0.0', 'torch': '2.5.1'}
OLD |= {'torchvision': '0.20.1', 'opencv-python': '4.11.0.86'}
WORKED = dict(failed='', device='cpu', seconds=1.0, cuda=None, gpus=[])


@pytest.fixture
def environment(monkeypatch):
    """Makes up what is installed, and how the trial of it ended."""

    def pretend(have, trial=WORKED, torch_line='torch (>=2.14.0)', spec=True):
        there = SimpleNamespace(origin='x.py') if spec else None
        monkeypatch.setattr(
            metadata,
            'distributions',
            lambda: [
                SimpleNamespace(metadata=dict(Name=x), version=have[x])
                for x in have
            ],
        )
        monkeypatch.setattr(metadata, 'requires', lambda name: [torch_line])
        monkeypatch.setattr(known_pairs, 'find_spec', lambda name: there)
        monkeypatch.setattr(doctor, 'try_training', lambda: dict(trial))

    return pretend


def told(capsys, code):
    """What the doctor prints as JSON, and what of it breaks training."""
    if code:
        with pytest.raises(SystemExit) as end:
            doctor.run(Namespace(json=True))
        assert end.value.code == code
    else:
        doctor.run(Namespace(json=True))
    found = json.loads(capsys.readouterr().out)
    assert found['works'] == (not code)
    return found, [x for x in found['problems'] if x['breaks']]


@pytest.mark.parametrize(
    ('have', 'family'),
    [({**GOOD, **TRIO}, 'maintained'), (OLD, 'original')],
)
def test_good_environments(environment, capsys, have, family):
    line = 'torch==2.5.1' if family == 'original' else 'torch (>=2.14.0)'
    environment(have, torch_line=line)
    found, broken = told(capsys, 0)
    assert found['family'] == family
    assert not broken


@pytest.mark.parametrize(
    ('have', 'text', 'mend'),
    [
        ({**GOOD, **TRIO, **OLD}, 'both families', 'uninstall -y mmengine'),
        (TRIO, 'missing: torch, torchvision', 'install torch torchvision'),
        (GOOD, 'missing: mmengine, mmcv', 'install onedl-mmengine onedl-mmcv'),
        (
            {x: y for x, y in OLD.items() if x != 'mmcv-lite'},
            'missing: mmcv;',
            "install 'mmcv-lite<2.3'",
        ),
        ({**OLD, 'mmcv': '2.1.0'}, 'mmcv and mmcv-lite', 'uninstall -y mmcv '),
        ({**GOOD, **TRIO, 'torch': '2.3.0'}, 'too old', 'torch>=2.3.1'),
        (
            {**OLD, 'torch': '2.1.2', 'numpy': '2.0.0'},
            'cannot use numpy',
            'numpy<2',
        ),
        ({**OLD, 'numpy': '2.0.0'}, 'ColorJitter', 'numpy<2'),
        ({**OLD, 'setuptools': '82.0.0'}, 'pkg_resources', 'setuptools<82'),
        (
            {x: y for x, y in OLD.items() if x != 'setuptools'},
            'there is none',
            'setuptools<82',
        ),
    ],
)
def test_known_bad_pairs(environment, capsys, have, text, mend):
    environment(have, torch_line='')
    _, broken = told(capsys, 1)
    assert any(text in x['text'] and mend in x['mend'] for x in broken)


def test_bad_pairs_that_training_survives(environment, capsys):
    have = {**OLD, 'torch': '2.6.0', 'mmdet': '3.3.0', 'mmcv-lite': '2.2.0'}
    have['opencv-python'] = '4.12.0'
    environment(have, torch_line='')
    found, _ = told(capsys, 0)
    texts = ' '.join(x['text'] for x in found['problems'])
    assert 'cannot resume' in texts
    assert 'opencv-python 4.12.0 asks for numpy 2' in texts
    assert 'mmdet 3.3.0 refuses mmcv 2.2.0' in texts


@pytest.mark.parametrize(
    ('line', 'torch', 'fits'),
    [
        ('torch==2.5.0', '2.5.0+cpu', True),
        ('torch (==2.5.0)', '2.5.1', False),
        ('torch>=2.14.0', '2.13.0', False),
        ('torch (>=2.14)', '2.15.0', True),
        ('torchaudio==1.0', '2.15.0', True),
    ],
)
def test_torchvision_asks_for_its_torch(
    environment, capsys, line, torch, fits
):
    environment({**GOOD, **TRIO, 'torch': torch}, torch_line=line)
    _, broken = told(capsys, not fits)
    if not fits:
        version = torch.partition('+')[0]
        assert f'torch=={version} torchvision' in broken[0]['mend']


def test_files_deleted_with_the_other_family(environment, capsys):
    environment({**GOOD, **TRIO}, spec=False)
    _, (gone,) = told(capsys, 1)
    assert 'files are gone' in gone['text']
    assert (
        'uv pip install --force-reinstall --no-deps onedl-mmengine'
        in (gone['mend'])
    )


def test_a_distribution_without_metadata(environment, capsys, monkeypatch):
    environment({**GOOD, **TRIO})
    whole = list(metadata.distributions())
    half = SimpleNamespace(metadata=dict(Name=None), version=None)
    monkeypatch.setattr(metadata, 'distributions', lambda: [half, *whole])
    told(capsys, 0)


def test_what_no_rule_foresaw(environment, capsys):
    failed = dict(failed='import mmcv: ImportError: of a moon')
    environment({**GOOD, **TRIO}, failed)
    _, (broken,) = told(capsys, 1)
    assert broken['text'] == failed['failed']
    assert broken['mend'].endswith('--no-deps onedl-mmcv==2.3.6')


@pytest.mark.parametrize(
    ('trial', 'text'),
    [
        (dict(cuda=None, cuda_works=False), 'built without CUDA'),
        (dict(cuda='13.2', cuda_works=False), 'does not serve CUDA 13.2'),
        (dict(may_hang_at_fork=True), 'may hang, very seldom'),
        (dict(operators='ImportError: undefined symbol'), 'do not load'),
    ],
)
def test_what_the_machine_lacks(environment, capsys, monkeypatch, trial, text):
    monkeypatch.setattr(machine, '_driver', lambda: '535.1')
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    usual = dict(cuda='13.2', cuda_works=True)
    environment({**GOOD, **TRIO}, {**WORKED, **usual, **trial})
    found, _ = told(capsys, 0)
    (problem,) = found['problems']
    assert text in problem['text']


def test_the_screen(environment, capsys):
    have = {**GOOD, **TRIO, 'torch': '2.2.2', 'numpy': '1.26.4'}
    environment(have, torch_line='')
    with pytest.raises(SystemExit):
        doctor.run(Namespace(json=False))
    *rows, broken, mend = [
        x for x in capsys.readouterr().out.splitlines() if x
    ]
    assert len(rows) < 25
    assert {row[11:13] for row in rows} == {'  '}
    assert broken.startswith('BROKEN: torch')
    assert mend.startswith('  mend: ')


@pytest.mark.parametrize(
    ('body', 'said'),
    [
        ('import os; os.abort()', 'import torch: ended with code -6'),
        ('print("hi"); raise SystemExit', 'import torch: SystemExit: '),
        ('raise ImportError("one\\ntwo")', 'torch: ImportError: one'),
        ('import time; time.sleep(60)', 'torch: no answer for 10 s'),
    ],
)
def test_the_trial_may_break(tmp_path, monkeypatch, body, said):
    tmp_path.joinpath('torch.py').write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    if 'sleep' in body:
        monkeypatch.setattr(doctor, '_SECONDS', 10)
    assert doctor.try_training()['failed'].endswith(said)


def test_this_environment(tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', 'mmdcl', 'doctor', '--json'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    found = json.loads(done.stdout)
    assert found['works']
    assert found['trial']['torch'].startswith(found['torch'])
    assert found['packages']['mmpretrain']


def test_numbers_of_versions():
    assert number('2.3.0+cu121') == number('2.3') == (2, 3)
    assert number('2.15.0') > number('2.3.1') > number('2.3')
    assert number('unknown') == ()
