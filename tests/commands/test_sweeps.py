"""What docs/sweeps.md types, made small."""

import json

import pytest
from mmpretrain.datasets import CIFAR100

from tests.commands import drawn
from tests.commands.conftest import SMALL
from tests.commands.documented import typed

CONV4 = '--batch-sizes 16 32 64 128 256 --temperatures 0.07 0.1 --seeds 0 1 2'
GRID = 'dclw_resnet18_1xb256_cifar10 --batch-sizes'
BATCHES = '--batch-sizes 32 128'
TEMPERATURES = '--temperatures 0.1 0.2 --out work_dirs/sweep'
IMAGENET = '--data-root data/imagenet100'
SHORT = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'val_cfg.k=3']


def rows(folder):
    lines = folder.joinpath('runs.jsonl').read_text().splitlines()
    return list(map(json.loads, lines))


def test_two_losses_at_a_batch(place):
    names = tuple(CIFAR100.METAINFO['classes'])
    for split, each in (('train', 4), ('test', 1)):
        folder = place / 'data/cifar100' / split
        drawn.classes(folder, names, each, 32, '.png')
    few = '--batch-sizes 16 --temperatures 0.07 --seeds 0'
    options = ['--work-dir', 'of_study', '--grid', *SHORT]
    said = typed(CONV4, place, *options, instead={CONV4: few})
    assert '2 to do' in said
    out = place / 'work_dirs/study'
    found = {row['loss']: row for row in rows(out)}
    assert {*found} == {'InfoNCE', 'DCL'}
    for row in found.values():
        assert (row['batch'], row['lr']) == (16, pytest.approx(0.015, rel=0.1))
        assert row['images'] == 192  # 12 whole batches of 200 images
        assert (out / row['log']).is_file()
    gain = found['DCL']['val'] - found['InfoNCE']['val']
    assert f'| {gain:+.2f} |' in (out / 'gaps.md').read_text()
    assert '| **0.07** | 0 |' in (out / 'table.md').read_text()
    assert (out / 'sweep.png').stat().st_size > 10_000
    again = typed(CONV4, place, *options, instead={CONV4: few})
    assert '2 runs done, 0 to do' in again
    more = few.replace('16', '16 32')
    told = typed(CONV4, place, *options, '--dry-run', instead={CONV4: more})
    assert told.startswith('2 runs done, 2 to do\n')  # nobody else spoke


@pytest.mark.parametrize(('part', 'runs'), [(BATCHES, 12), (TEMPERATURES, 6)])
def test_how_many_runs(place, part, runs):
    said = typed(part, place, '--dry-run', '--out', 'nothing')
    assert f'0 runs done, {runs} to do\n' in said
    assert not place.joinpath('nothing').exists()


def test_the_grid_of_cifar10(place):
    one = ['--batch-sizes', '40', '--temperatures', '0.1', '--seeds', '0']
    options = [x for x in SMALL if 'batch_size' not in x]
    losses = 'simclr_resnet18_1xb256_cifar10 dcl_resnet18_1xb256_cifar10 '
    typed(
        GRID,
        place,
        *[*one, '--grid', *options],
        instead={losses: ''},
    )
    [row] = rows(place / 'work_dirs/cifar10_grid')
    assert (row['loss'], row['batch'], row['epochs']) == ('DCLW', 40, 1)


def test_a_hundred_classes_on_several_processes(place):
    drawn.imagenet(place / 'data/imagenet100')
    options = ['--temperatures', '0.1', '--grid', *SHORT]
    options += ['train_dataloader.batch_size=4', 'model.backbone.depth=18']
    options += ['model.neck.in_channels=512', 'train_dataloader.num_workers=0']
    options += ['val_dataloader.num_workers=0', 'test_cfg.k=3']
    typed(
        IMAGENET,
        place,
        *options,
        instead={'--gpus 8': '--gpus 2', 'simclr_resnet50_8xb32 ': ''},
    )
    [row] = rows(place / 'work_dirs/imagenet100')
    assert (row['loss'], row['batch']) == ('DCL', 8)
    assert {*row['test']} == {'accuracy/top1'}
