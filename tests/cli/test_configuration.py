"""The mistakes that users make, and two processes on CPUs."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.utils.data import DataLoader

from mmdcl.arguments import require_whole
from mmdcl.cli import configuration
from mmdcl.cli.ending import ends_in_a_sentence
from mmdcl.cli.main import parse
from mmdcl.datasets import LoadImageFromFile

PYTHON = Path(sys.executable).parent
ROOT = Path(__file__).parent.parent.parent
DIGITS = str(ROOT / 'configs' / 'dcl_resnet18_1xb128_digits.py')
IMAGENET = str(ROOT / 'configs' / 'dcl_resnet50_8xb32.py')


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def prepare(*flags):
    args = parse('train', flags)
    cfg = configuration.load_config(args)
    configuration.finish_config(cfg, args)
    return cfg


def ending(work):
    with ends_in_a_sentence():
        work()


def message(error):
    return str(error.value)


def test_a_config_that_does_not_exist():
    with pytest.raises(FileNotFoundError) as error:
        prepare('configs/dcl_resnet_8xb32.py')
    assert 'dcl_resnet50_8xb32' in message(error)


def test_a_checkpoint_that_does_not_exist():
    with pytest.raises(FileNotFoundError, match=r'no checkpoint epoch_7'):
        configuration.load_from({}, 'epoch_7.pth')


@pytest.mark.parametrize('state', ['does not exist', 'is empty'])
def test_a_data_folder_without_images(state, tmp_path):
    root = tmp_path / 'imagenet'
    if state == 'is empty':
        root.joinpath('train').mkdir(parents=True)
    with pytest.raises(SystemExit) as error:
        prepare(IMAGENET, '--data-root', str(root))
    assert f'train_dataloader.dataset: {root}/train {state}' in message(error)
    assert f'{root}/train/<class>/<image>' in message(error)
    assert '--data-root PATH' in message(error)


@pytest.mark.parametrize(
    'option',
    ['optim_wraper.optimizer.lr=0.5', 'model.head.temprature=0.2'],
)
def test_a_misspelt_setting(option):
    with pytest.raises(SystemExit, match='did you mean `'):
        prepare(DIGITS, '--cfg-options', option)


def test_flags_reach_the_config(tmp_path):
    cfg = prepare(
        DIGITS,
        '--work-dir',
        str(tmp_path),
        '--cfg-options',
        'model.head.temperature=0.3',
        'train_dataloader.batch_size=7',
    )
    assert cfg.work_dir == str(tmp_path)
    assert cfg.model.head.temperature == 0.3
    assert cfg.train_dataloader.batch_size == 7
    assert cfg.train_dataloader.collate_fn.type == 'default_collate'
    assert dict(type='mmdcl.SizesHook') in cfg.custom_hooks


def test_evaluators_follow_the_data():
    pytest.importorskip('mmdet')
    config = ROOT / 'configs' / 'benchmarks' / 'detection_coco-fpn.py'
    cfg = prepare(str(config), '--data-root', '/images')
    assert cfg.test_dataloader.dataset.data_root == '/images'
    wanted = '/images/annotations/instances_val2017.json'
    assert cfg.test_evaluator.ann_file == wanted
    assert 'collate_fn' not in cfg.train_dataloader


def test_overrides_come_before_what_follows_from_them(monkeypatch):
    monkeypatch.setattr(configuration, 'check_data', lambda *_: None)
    cifar = str(ROOT / 'configs' / 'dcl_resnet18_1xb256_cifar10.py')
    cfg = prepare(cifar, '--data-root', 'here')
    assert cfg.train_dataloader.persistent_workers
    assert cfg.train_dataloader.dataset.data_root == 'here'
    none = ['--cfg-options', 'train_dataloader.num_workers=0']
    assert not prepare(cifar, *none).train_dataloader.persistent_workers
    args = parse('train', [cifar])
    cfg = configuration.load_config(args)
    configuration.finish_config(cfg, args, persistent_workers=False)
    assert not cfg.train_dataloader.persistent_workers


@pytest.mark.skipif(torch.cuda.is_available(), reason='has a GPU')
def test_amp_on_a_cpu_says_so_in_one_line():
    with pytest.raises(SystemExit, match=r'--amp needs a GPU'):
        prepare(DIGITS, '--amp')


class Images(list):
    def __getitem__(self, index):
        return LoadImageFromFile(on_error='stop')(dict(img_path='a.png'))


def test_explained_errors_are_brief_and_others_are_not(monkeypatch):
    def explained():
        require_whole('k', 0)

    def explained_by_a_worker():
        images = Images([0])
        next(iter(DataLoader(images, num_workers=1)))

    with pytest.raises(SystemExit, match=r'^error: `k` must .*int\)$'):
        ending(explained)
    sentence = r'^error: cannot read image a\.png .* in LoadImageFromFile$'
    with pytest.raises(SystemExit, match=sentence):
        ending(explained_by_a_worker)
    with pytest.raises(ValueError, match=r'invalid literal'):
        ending(lambda: int('three'))

    def full():  # whoever writes
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'a.json')

    with pytest.raises(SystemExit, match=r'cannot write a\.json: No space'):
        ending(full)
    monkeypatch.setenv('MMDCL_TRACEBACK', '1')
    with pytest.raises(ValueError, match=r'`k` must be'):
        ending(explained)


def tool(script, *args):
    done = subprocess.run(
        ['bash', f'tools/{script}', *map(str, args)],
        cwd=ROOT,
        env={**os.environ, 'PATH': f'{PYTHON}:{os.environ["PATH"]}'},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason='has a GPU')
def test_two_processes_on_cpus_train_and_resume(tmp_path):
    small = ['train_cfg.max_epochs=1', 'train_dataloader.dataset.indices=256']
    common = ['--work-dir', tmp_path, '--no-report', '--cfg-options']
    train = [DIGITS, 2, *common, *small]
    tool('dist_train.sh', *train)
    more = [arg.replace('epochs=1', 'epochs=2') for arg in small]
    said = tool('dist_train.sh', DIGITS, 2, '--resume', *common, *more)
    assert 'after 1 epoch, 1 iteration' in ' '.join(said.split())
    assert said.count('  negatives ') == 1  # one rank shows its card


def test_fast_merges_what_fits_and_says_what_does_not(capsys):
    cfg = Config.fromfile(IMAGENET)
    configuration.fast_config(cfg)
    assert cfg.model.channels_last
    assert cfg.model.head.type == 'mmdcl.DCLHead'
    assert cfg.optim_wrapper.type == 'mmdcl.BFloat16OptimWrapper'
    assert cfg.optim_wrapper.optimizer.type == 'mmdcl.LARS'
    assert cfg.default_hooks.views.type == 'mmdcl.BatchViewsHook'
    assert cfg.env_cfg.cudnn_benchmark
    assert 'left out' not in capsys.readouterr().out
    cfg = Config.fromfile(IMAGENET.replace('dcl_', 'mocov2-dcl_'))
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.train_dataloader.dataset.pipeline = []
    configuration.fast_config(cfg)
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
    assert 'views' not in cfg.default_hooks
    assert capsys.readouterr().out.count('left out') == 3
    bands = 'dcl_resnet50_1xb64_multichannel'
    cfg = Config.fromfile(IMAGENET.replace('dcl_resnet50_8xb32', bands))
    configuration.fast_config(cfg)
    assert 'views' not in cfg.default_hooks
    assert 'three channels of 8 bits' in capsys.readouterr().out
