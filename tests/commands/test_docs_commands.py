"""Commands of the documentation that other tests have no use for."""

import os
import re
import socket
import subprocess

import pytest
from mmengine.config import Config
from PIL import Image, ImageChops

from tests.commands import drawn
from tests.commands.documented import (
    ROOT,
    block,
    command_with,
    logged,
    prepared,
    run,
    split,
    typed,
)

DIGITS = 'dcl_resnet18_1xb128_digits'
FOLDER = 'dcl_resnet50_1xb64_images --data-root FOLDER'
SMALL = ['train_cfg.max_epochs=1', 'train_dataloader.batch_size=4']
SMALL += ['train_dataloader.num_workers=0', 'model.backbone.depth=18']
SMALL += ['model.neck.in_channels=512', 'default_hooks.logger.interval=1']
VALIDATED = ['val_dataloader.num_workers=0', 'val_cfg.k=3']
VALIDATED += ['train_cfg.val_interval=1']
ONE_EPOCH = ['--no-validate', '--cfg-options', 'train_cfg.max_epochs=1']
MINE = 'train_dataloader = dict(batch_size=32, num_workers=8)'
PHOTOS = {'FOLDER': 'photos'}


@pytest.fixture(scope='module')
def photos(place):
    """Images of the user's own, in three classes."""
    drawn.classes(place / 'photos/train', ('cat', 'dog', 'fox'), 4, 64, '.jpg')
    drawn.classes(place / 'photos/val', ('cat', 'dog', 'fox'), 1, 64, '.jpg')
    return place


def test_configs_are_listed_and_copied(tmp_path):
    said = typed('mmdcl configs', tmp_path)
    assert 'dcl_resnet50_8xb32 ' in said
    typed('mmdcl configs --copy', tmp_path)
    name = 'dcl_resnet18_1xb256_cifar10.py'
    copy = Config.fromfile(tmp_path / name).to_dict()
    assert copy == Config.fromfile(ROOT / 'configs' / name).to_dict()


def test_the_doctor_finds_this_environment_fit(tmp_path):
    assert 'torch' in typed('mmdcl doctor', tmp_path)


def test_images_of_the_users_own(photos):
    options = ['--work-dir', 'own', '--cfg-options', *SMALL, *VALIDATED]
    said = typed(FOLDER, photos, *options, instead=PHOTOS)
    assert 'photos/train: 12 images to train on, of 3 classes (cat, ' in said
    lines = logged(photos / 'own')
    rates = [line['lr'] for line in lines if 'lr' in line]
    assert len(rates) == 3  # 12 images, 4 at a time
    found = [x['accuracy/top1'] for x in lines if 'accuracy/top1' in x]
    assert len(found) == 2  # before and after
    assert 0 <= min(found) <= max(found) <= 100


def test_images_of_which_a_tenth_has_a_label(place):
    place.joinpath('half.py').write_text(block('keep_others=True'))
    options = ['--cfg-options', 'val_cfg.k=3', 'train_cfg.max_epochs=1']
    options += ['train_dataloader.dataset.fraction=0.5']
    options += ['train_dataloader.batch_size=8']
    options += ['default_hooks.logger.interval=1']
    said = typed('half.py --data-root', place, *options)
    assert 'kNN' in said
    assert len(logged(place / 'work_dirs/half', 'loss')) == 3
    assert not logged(place / 'work_dirs/half', 'npc_multiplier')


def test_a_table_of_which_half_has_labels(photos):
    rows = [
        f'photos/train/{name}/{i}.jpg,{name if i < 3 else ""}'
        for name in ('cat', 'dog', 'fox')
        for i in range(4)
    ]
    photos.joinpath('table.csv').write_text('\n'.join(['path,label', *rows]))
    options = [*SMALL, *VALIDATED, '--work-dir', 'half']
    said = typed('dataset.keep_unlabelled=True', photos, *options)
    assert 'of 3 classes (cat, dog, fox), 3 without a label' in said
    assert logged(photos / 'half', 'loss')


def test_images_without_labels(photos):
    """Of any depth; one of them is empty, and so is named."""
    for i, path in enumerate(sorted(photos.glob('photos/train/*/*.jpg'))):
        target = photos / 'deep' / ('a/b' if i % 2 else 'c') / f'{i}.jpg'
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes() if i else b'')
    options = ['--work-dir', 'deep-run', '--cfg-options', *SMALL]
    said = typed(FOLDER, photos, *options, instead={'FOLDER': 'deep'})
    assert 'deep: 12 images to train on; 6 of 12 images in deep lie' in said
    assert 'Without labels there is no kNN accuracy. Watch rank_me' in said
    assert 'unreadable image deep/c/0.jpg (ValueError: the file is e' in said
    # Seldom it is drawn to stand in for itself, which counts, too.
    assert re.search(r'\d times in this training another image stood', said)
    assert len(logged(photos / 'deep-run', 'loss')) == 3
    assert not logged(photos / 'deep-run', 'accuracy/top1')
    assert logged(photos / 'deep-run', 'features/rank_me')


def test_a_config_that_inherits_ours(photos):
    photos.joinpath('mine.py').write_text(block(MINE))
    options = ['--work-dir', 'mine', '--cfg-options', *SMALL, *VALIDATED]
    options.append('train_dataloader.persistent_workers=False')
    words = 'mine.py --data-root FOLDER --auto'
    typed(words, photos, *options, instead=PHOTOS)
    cfg = Config.fromfile(photos / 'mine/mine.py')
    assert cfg.model.head.temperature == 0.2
    assert len(logged(photos / 'mine', 'loss')) == 3


def test_launchers_of_openmmlab(tmp_path):
    config = 'configs/dcl_resnet50_8xb32.py'
    instead = {f'{config} 8': f'configs/{DIGITS}.py 2'}
    options = [*ONE_EPOCH, 'default_hooks.checkpoint.interval=1']
    typed('dist_train.sh', tmp_path, *options, instead=instead)
    instead = {config: f'configs/{DIGITS}.py', '.pth 8': '.pth 2'}
    instead |= {'dcl_resnet50_8xb32/epoch_200': f'{DIGITS}/epoch_1'}
    said = typed('dist_test.sh', tmp_path, instead=instead)
    assert 'k20/accuracy/top1' in said


def free_port() -> str:
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return str(found.getsockname()[1])


def test_two_nodes(tmp_path):
    """Two commands that meet on this machine, one process each."""
    instead = {'first.example': '127.0.0.1', '=29500': f'={free_port()}'}
    instead |= {'dcl_resnet50_8xb32 --gpus 8': f'{DIGITS} --gpus 1'}
    started = []
    for node in ('NODE_RANK=0', 'NODE_RANK=1'):
        words, variables = split(command_with(node), instead)
        place = tmp_path / node
        place.mkdir()
        again = prepared([*words, *ONE_EPOCH], place, **variables)
        log = (place / 'said.txt').open('w')
        started.append((subprocess.Popen(**again, stdout=log), log, place))
    for process, log, place in started:
        code = process.wait(600)
        log.close()
        assert code == 0, (place / 'said.txt').read_text()[-3000:]
    folder = tmp_path / 'NODE_RANK=0/work_dirs' / DIGITS
    (line,) = logged(folder, 'loss')[-1:]
    assert line['step'] == 5  # 1,437 digits, 2 x 128


def test_slurm_is_asked_for_gpus(tmp_path):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\necho "$@"\n')
    srun.chmod(0o755)
    words, variables = split(command_with('slurm_train.sh'))
    path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
    said = run(words, tmp_path, PATH=path, **variables)
    assert said.startswith('-p PARTITION --job-name=JOB --ntasks=16 ')
    assert said.strip().endswith('--launcher slurm')


def test_memory_that_is_kept(tmp_path):
    said = typed('MALLOC_TRIM_THRESHOLD_', tmp_path, *ONE_EPOCH)
    assert 'Done.' in said


NUMBERS = 'mmdcl report, numbers'
SPEED = {
    'speed/loss.py': ({'256 1024 4096': '8'}, []),
    'speed/views.py': ({'FOLDER_OF_JPEGS': 'photos'}, ['--batch', '2']),
    'speed/step.py': ({'64': '2'}, ['--size', '16', '--steps', '2']),
    'speed/ranks.py': ({}, ['--processes', '1', '--images', '4']),
    'speed/knn.py': ({}, ['--bank', '200', '--queries', '4', '-k', '3']),
    'speed/startup.py': ({}, ['--peers', 'mmdcl --help', 'import mmdcl']),
    'speed/quality.py': ({}, ['--configs', DIGITS, '--steps', '11']),
    'speed/report.py': ({}, ['--epochs', '1', '--peers', NUMBERS]),
}


def test_small_runs_are_measured(place):
    options = ['--batches', '8', '--rounds', '1']
    options += ['--peers', 'mmdcl fast', 'model fast']
    said = typed('speed/small.py', place, *options)
    assert re.search(r'\n\| 8 \| mmdcl fast \| [\d.]+ \|', said)


@pytest.mark.parametrize('part', SPEED)
def test_what_measures_speed_runs(part, photos):
    instead, options = SPEED[part]
    options = [*options, '--rounds', '1']
    if part == 'speed/step.py':
        options += ['--repeats', '1', '--peers', 'mmdcl', 'bare']
        options += ['model+loss+optimizer+images']
    said = typed(part, photos, *options, instead=instead)
    assert re.search(r'\n\| (mmdcl|dcl_)', said)


def test_the_front_picture_is_drawn_from_our_logs(tmp_path):
    results = str(ROOT / 'results/cifar100_conv4')
    instead = {
        'results/cifar100_conv4': results,
        'docs/front.png': 'front.png',
    }
    typed('tools/draw_front.py', tmp_path, instead=instead)
    picture, kept = (
        Image.open(folder / 'front.png')
        for folder in (tmp_path, ROOT / 'docs')
    )
    assert picture.size == kept.size
    # Another matplotlib may round a pixel otherwise.
    if picture.info['Software'] == kept.info['Software']:
        pixels = [image.convert('RGB') for image in (picture, kept)]
        assert ImageChops.difference(*pixels).getbbox() is None
