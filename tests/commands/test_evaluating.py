"""Each protocol, and the export, as the page on benchmarks has them."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

import pytest
import torch

from tests.commands import drawn
from tests.commands.conftest import CLASSES, WORK_DIR
from tests.commands.documented import ROOT, prepared, run, typed

SIZES = ['train_dataloader.batch_size=8', 'train_dataloader.num_workers=0']
SIZES += ['test_dataloader.batch_size=8', 'test_dataloader.num_workers=0']
FOUR = ['model.head.num_classes=4', f'test_dataloader.dataset.{CLASSES}']
FOUR += ['test_evaluator.topk=1']
ONE_EPOCH = ['train_cfg.max_epochs=1', 'val_cfg=None', 'val_dataloader=None']
ONE_EPOCH += ['val_evaluator=None', 'default_hooks.logger.interval=1']


def evaluated(place, checkpoint, part, *options):
    """The row that the command added, and what it printed."""
    book = place / 'work_dirs/evaluate.jsonl'
    before = book.read_text() if book.is_file() else ''
    said = typed(
        part,
        place,
        *['--cfg-options', *SIZES, *options],
        instead={'$C': checkpoint},
    )
    (row,) = book.read_text().removeprefix(before).splitlines()
    row = json.loads(row)
    assert row['weights'] == 'pretrained'
    assert row['checkpoint'] == checkpoint
    table = place.joinpath('work_dirs/evaluate.md').read_text()
    assert table.splitlines()[-1].startswith(f'| {checkpoint} | pretrained |')
    return row, said


def test_knn(place, resnet50):
    row, _ = evaluated(
        place,
        resnet50,
        '--protocol knn',
        *FOUR,
        f'train_dataloader.dataset.{CLASSES}',
        'test_cfg.k=[1,5]',
    )
    assert set(row['metrics']) == {'k1/accuracy/top1', 'k5/accuracy/top1'}
    assert row['metrics']['k1/accuracy/top1'] > 30  # colours tell; chance: 25


@pytest.mark.parametrize(
    ('part', 'dataset', 'moved'),
    [
        ('--protocol linear', 'train_dataloader.dataset', False),
        ('--fraction 0.1', 'train_dataloader.dataset.dataset', True),
        ('--protocol finetune', 'train_dataloader.dataset', True),
    ],
    ids=['linear', 'few-labels', 'finetune'],
)
def test_classification(place, resnet50, part, dataset, moved):
    options = [*FOUR, *ONE_EPOCH, f'{dataset}.{CLASSES}']
    fraction = part.startswith('--fraction')
    if fraction:  # a tenth of four images is none
        options.append('train_dataloader.dataset.per_class=2')
    row, said = evaluated(place, resnet50, part, *options)
    assert 0 <= row['metrics']['accuracy/top1'] <= 100
    assert 'all 318 tensors' in said
    images = 8 if fraction else 16
    assert f'epoch 1/1  {images // 8}/{images // 8}' in said
    after = torch.load(place / row['log'] / 'epoch_1.pth', weights_only=False)[
        'state_dict'
    ]
    before = torch.load(place / resnet50, weights_only=False)['state_dict']
    name = 'backbone.layer4.2.conv3.weight'
    assert torch.equal(before[name], after[name]) != moved


def test_an_evaluation_that_was_told_to_end_goes_on(place, trained):
    """By what it says; the result is that of one that was left alone."""
    words = ['tools/evaluate.py', f'{WORK_DIR}/epoch_1.pth']
    words += ['--protocol', 'finetune', '--dataset', 'cifar10']
    words += ['--data-root', 'data/cifar10']
    options = ['--cfg-options', *SIZES, 'train_cfg.max_epochs=6']
    options += ['param_scheduler.T_max=6', 'param_scheduler.end=6']
    options += ['train_dataloader.batch_size=40']
    options += ['default_hooks.checkpoint.interval=1']
    options += ['default_hooks.checkpoint.max_keep_ckpts=1']
    run(['python', *words, '--work-dir', 'alone', *options], place)

    ended = [*words, '--work-dir', 'ended', *options]
    log = place / 'ended.txt'
    with (
        log.open('w') as out,
        subprocess.Popen(
            **prepared(['python', *ended], place), stdout=out
        ) as process,
    ):
        while not (place / 'ended/epoch_1.pth').exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.terminate()
        process.wait(100)
    said = log.read_text()
    assert process.returncode == 75, said
    goes_on = re.search(r'Go on by\n +(python .*--resume)\n', said)[1]
    for _ in range(2):  # once more when it is complete: tested again
        run(shlex.split(goes_on), place)
    book = (place / 'work_dirs/evaluate.jsonl').read_text().splitlines()
    rows = [json.loads(line)['metrics'] for line in book[-3:]]
    assert rows[0] == rows[1] == rows[2]
    found = [
        torch.load(place / name / 'epoch_6.pth', weights_only=False)
        for name in ('alone', 'ended')
    ]
    for name, tensor in found[0]['state_dict'].items():
        assert torch.equal(tensor, found[1]['state_dict'][name]), name
    said = run(['python', *ended, '--resume', '--seed', '1'], place, code=1)
    assert 'did not begin with the same seed' in said


def test_export_is_what_torchvision_reads(place, resnet50):
    said = typed('mmdcl export', place, instead={'$C': resnet50})
    assert 'torchvision' in said
    exported = torch.load(place / 'resnet50.pth', weights_only=True)
    ours = torch.load(place / resnet50, weights_only=False)['state_dict']
    name = 'layer3.5.conv2.weight'
    assert torch.equal(exported[name], ours[f'backbone.{name}'])


def test_lists_of_few_labels(place, resnet50):
    text = (ROOT / 'docs/evaluate.md').read_text()
    script = re.search(r'(python - 1percent\.txt.*?\nEND\n)', text, re.S)[1]
    data = place / 'data/imagenet'
    names = [f'{name}_0.JPEG' for name in drawn.IMAGENET]
    for folder, name in zip(drawn.IMAGENET, names, strict=True):
        # The lists have ImageNet's names of files.
        path = data / 'train' / folder
        shutil.move(path / '0.JPEG', path / name)
    place.joinpath('1percent.txt').write_text('\n'.join(names))
    path = f'{os.path.dirname(sys.executable)}:{os.environ["PATH"]}'
    environment = {**os.environ, 'PATH': path}
    subprocess.run(
        ['bash', '-euc', script], cwd=place, env=environment, check=True
    )
    listed = data.joinpath('1percent_labelled.txt').read_text().splitlines()
    assert listed[1] == f'{drawn.IMAGENET[1]}/{names[1]} 1'
    options = [*FOUR, *ONE_EPOCH, 'train_dataloader.batch_size=4']
    options += [f'train_dataloader.dataset.{CLASSES}']
    said = typed(
        'ann_file=1percent_labelled.txt',
        place,
        *SIZES,
        *options,
        instead={'$C': resnet50},
    )
    assert 'epoch 1/1  1/1' in said
