"""``--log``: the numbers elsewhere, too, and never less in the log."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mmengine.config import Config

from mmdcl.cli import backends
from mmdcl.cli.backends import add_backends
from tests.commands.documented import ROOT, logged, run

LOCAL = dict(type='LocalVisBackend')
BOARD = dict(type='TensorboardVisBackend')
WANDB = dict(
    type='WandbVisBackend', init_kwargs=dict(project='mmdcl', name='dcl')
)


@pytest.fixture
def installed(monkeypatch):
    """All packages, as far as one can see without importing them."""
    spec = type('Spec', (), dict(origin='__init__.py'))
    monkeypatch.setattr(backends, 'find_spec', lambda name: spec)


@pytest.mark.parametrize(
    ('visualizer', 'wanted'),
    [
        (None, dict(type='Visualizer', vis_backends=[LOCAL, BOARD, WANDB])),
        (
            dict(type='UniversalVisualizer', vis_backends=[LOCAL]),
            dict(
                type='UniversalVisualizer', vis_backends=[LOCAL, BOARD, WANDB]
            ),
        ),
        (
            dict(type='Visualizer', vis_backends=[BOARD]),
            dict(type='Visualizer', vis_backends=[BOARD, WANDB]),
        ),
    ],
    ids=['none', 'a local one', 'it is there'],
)
def test_they_come_beside_what_is_there(visualizer, wanted, installed):
    cfg = Config(dict(work_dir='work_dirs/dcl'))
    if visualizer is not None:
        cfg.visualizer = visualizer
    add_backends(cfg, ['tensorboard', 'wandb'])
    assert cfg.visualizer.to_dict() == wanted


def test_nothing_is_changed_unasked():
    cfg = Config(dict(work_dir='a'))
    add_backends(cfg, [])
    assert 'visualizer' not in cfg


def test_mlflow_writes_into_the_work_dir(installed, monkeypatch):
    """Of upstream's default, a folder of files, MLflow knows no more."""
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)
    place = Path('work_dirs/dcl').absolute()
    cfg = Config(dict(work_dir='work_dirs/dcl'))
    add_backends(cfg, ['mlflow'])
    _, found = cfg.visualizer.vis_backends
    assert found == dict(
        type='MLflowVisBackend',
        exp_name='mmdcl',
        run_name='dcl',
        tracking_uri=f'sqlite:///{place}/mlflow.db',
        artifact_location=f'file://{place}/mlflow',
        artifact_suffix=(),
    )
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://localhost:5000')
    cfg = Config(dict(work_dir='work_dirs/dcl'))
    add_backends(cfg, ['mlflow'])
    _, found = cfg.visualizer.vis_backends
    assert found['tracking_uri'] == 'http://localhost:5000'
    assert found['artifact_location'] is None


def test_what_is_missing_is_said_with_what_installs_it(monkeypatch, tmp_path):
    """Also beside the folder that W&B leaves behind."""
    (tmp_path / 'wandb').mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'wandb', raising=False)
    elsewhere = [x for x in sys.path if 'site-packages' not in x]
    monkeypatch.setattr(sys, 'path', elsewhere)
    with pytest.raises(
        SystemExit, match=r'^error: --log wandb .*pip install wandb'
    ):
        add_backends(Config(dict(work_dir='a')), ['wandb'])


def demo(backend, place):
    """An epoch of 128 digits, with the packages of this environment."""
    words = [sys.executable, '-m', 'mmdcl', 'demo', '--log', backend]
    words += ['--no-report']
    words += ['--work-dir', 'a', '--cfg-options', 'train_cfg.max_epochs=1']
    words += ['train_dataloader.dataset.indices=128']
    run(words, place, PYTHONPATH=':'.join([str(ROOT), *sys.path]))


def test_a_database_of_mlflow(tmp_path):
    pytest.importorskip('mlflow')
    pytest.importorskip('sqlalchemy')
    demo('mlflow', tmp_path)
    with closing(sqlite3.connect(tmp_path / 'a/mlflow.db')) as found:
        for key in ('loss', 'features/rank_me', 'accuracy/top1'):
            values = found.execute(
                'select value from metrics where key = ? order by step',
                (key,),
            )
            (*_, (last,)) = values
            wanted = logged(tmp_path / 'a', key)[-1][key]
            assert last == pytest.approx(wanted)


def test_an_event_file_of_tensorboard(tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    demo('tensorboard', tmp_path)
    (events,) = (tmp_path / 'a').glob('*/vis_data/events.out.*')
    found = EventAccumulator(str(events)).Reload()
    for key in ('loss', 'npc_multiplier', 'accuracy/top1'):
        (*_, last) = [x.value for x in found.Scalars(key)]
        wanted = logged(tmp_path / 'a', key)[-1][key]
        assert last == pytest.approx(wanted)
