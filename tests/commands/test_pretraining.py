"""Train, test, resume and sweep, as the documentation has them."""

import json
import re
import shutil

import numpy as np
import pytest
import torch

from tests.commands.conftest import SMALL, WORK_DIR
from tests.commands.documented import logged, run, typed

CONFIG = 'configs/dcl_resnet18_1xb256_cifar10.py'
CIFAR = ['--dataset', 'cifar10']
DATA = ['--data-root', 'data/cifar10']


def test_train_leaves_weights_a_log_and_a_picture(place, trained):
    folder = place / WORK_DIR
    found = torch.load(folder / 'epoch_1.pth', weights_only=False)
    assert found['meta']['iter'] == 3
    *_, last = logged(folder)
    assert 0 < last['accuracy/top1'] <= 100
    assert folder.joinpath('curves.png').read_bytes()[:4] == b'\x89PNG'
    assert 'epoch_1.pth' in trained


def test_test_writes_the_metrics(place, trained):
    said = typed(
        'mmdcl test dcl_resnet18',
        place,
        '--cfg-options',
        *SMALL,
        instead={'epoch_200': 'epoch_1'},
    )
    found = json.loads(place.joinpath('metrics.json').read_text())
    assert set(found) == {'k3/accuracy/top1', 'k5/accuracy/top1'}
    assert f'{found["k5/accuracy/top1"]:.4f}' in said


def test_resume_goes_on_with_what_was_trained(place, trained):
    options = ['--cfg-options', *SMALL, 'train_cfg.max_epochs=2']
    words = ['python', 'tools/train.py', CONFIG, *DATA]
    run([*words, '--work-dir', 'straight', *options], place)
    straight = torch.load(place / 'straight/epoch_2.pth', weights_only=False)

    folder = place / 'interrupted'
    shutil.copytree(place / 'straight', folder)
    for name in ('epoch_2.pth', 'last_checkpoint'):
        folder.joinpath(name).unlink()
    said = typed('--resume', place, '--work-dir', folder.name, *options)
    assert 'epoch_1.pth' in said
    again = torch.load(folder / 'epoch_2.pth', weights_only=False)
    assert again['meta']['iter'] == 6
    for name, tensor in straight['state_dict'].items():
        assert torch.equal(tensor, again['state_dict'][name]), name


def test_fast_trains_and_says_what_it_changed(place):
    words = ['python', 'tools/train.py', CONFIG, *DATA, '--fast']
    said = run([*words, '--work-dir', 'fast', '--cfg-options', *SMALL], place)
    assert '--fast: model' in said
    assert logged(place / 'fast')[-1]['step'] == 1


def test_two_processes_train_and_test_as_one(place, resnet50):
    found = torch.load(place / resnet50, weights_only=False)
    assert found['meta']['iter'] == 2  # 16 images, 2 x 4
    lines = logged(place / 'work_dirs/dcl_resnet50_8xb32')
    assert all(np.isfinite(x['loss']) for x in lines if 'loss' in x)
    said = typed(
        'epoch_200.pth --gpus 8',
        place,
        '--cfg-options',
        'test_cfg.k=3',
        'test_dataloader.num_workers=0',
        instead={'epoch_200.pth --gpus 8': 'epoch_1.pth --gpus 2'},
    )
    assert 'accuracy/top1' in said
    assert re.search(r'\n  data +ImageNet .* of 4 classes\n', said)
    assert re.search(r'\n  bank +ImageNet .* 16 images of 4 classes\n', said)


@pytest.mark.parametrize(
    ('words', 'wanted'),
    [
        (['train.py', 'dcl_resnet05_8xb32.py'], 'did you mean'),
        (['test.py', 'dcl_resnet05_8xb32.py', 'no.pth'], 'did you mean'),
        (
            ['evaluate.py', 'no.pth', '--protocol', 'knn', *CIFAR],
            'no checkpoint no.pth',
        ),
    ],
)
def test_what_is_not_there_is_said_in_a_line(place, words, wanted):
    said = run(['python', f'tools/{words[0]}', *words[1:]], place, code=1)
    assert wanted in said
    said = said.splitlines()
    at = next(i for i, line in enumerate(said) if line.startswith('error: '))
    assert len(said) - at <= 2
