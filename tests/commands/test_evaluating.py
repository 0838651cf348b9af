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
from tests.commands.conftest import WORK_DIR
from tests.commands.documented import ROOT, prepared, run, typed

SIZES = ['train_dataloader.batch_size=8', 'train_dataloader.num_workers=0']
SIZES += ['test_dataloader.batch_size=8', 'test_dataloader.num_workers=0']
ONE_EPOCH = ['train_cfg.max_epochs=1', 'val_cfg=None', 'val_dataloader=None']
ONE_EPOCH += ['val_evaluator=None', 'default_hooks.logger.interval=1']


def evaluated(place, checkpoint, part, *options, **instead):
    """The row that the command added, and what it printed."""
    book = place / 'work_dirs/evaluate.jsonl'
    before = book.read_text() if book.is_file() else ''
    said = typed(
        part,
        place,
        *['--cfg-options', *SIZES, *options],
        instead={'$C': checkpoint, **instead},
    )
    (row,) = book.read_text().removeprefix(before).splitlines()
    row = json.loads(row)
    assert row['weights'] == 'pretrained'
    assert row['checkpoint'] == checkpoint
    table = place.joinpath('work_dirs/evaluate.md').read_text()
    assert table.splitlines()[-1].startswith(f'| {checkpoint} | pretrained |')
    return row, said


def test_knn(place, resnet50):
    part = '--protocol knn --dataset imagenet'
    row, _ = evaluated(place, resnet50, part, 'test_cfg.k=[1,5]')
    assert row['classes'] == 4
    assert set(row['metrics']) == {'k1/accuracy/top1', 'k5/accuracy/top1'}
    assert row['metrics']['k1/accuracy/top1'] > 30  # colours tell; chance: 25


@pytest.mark.parametrize(
    ('part', 'classes', 'moved'),
    [
        ('--protocol linear --dataset imagenet', drawn.IMAGENET, False),
        ('--fraction 0.1', drawn.IMAGENET, True),
        ('--protocol finetune', drawn.IMAGENET, True),
        ('--protocol linear --dataset folder', ('cat', 'dog', 'fox'), False),
    ],
    ids=['linear', 'few-labels', 'finetune', 'folder'],
)
def test_classification(place, resnet50, part, classes, moved):
    options, instead = [*ONE_EPOCH], {}
    if 'folder' in part:
        instead = {'FOLDER': 'pets'}
        for i, split in enumerate(('train', 'test')):
            folder = place / 'pets' / split
            drawn.classes(folder, classes, 4 - i, 64, '.webp', i)
    fraction = part.startswith('--fraction')
    if fraction:  # a tenth of four images is none
        options.append('train_dataloader.dataset.per_class=2')
    row, said = evaluated(place, resnet50, part, *options, **instead)
    assert 0 <= row['metrics']['accuracy/top1'] <= 100
    assert row['classes'] == len(classes)
    assert 'all 318 tensors' in said
    steps = 1 if fraction else 2
    assert f'epoch 1/1  {steps}/{steps}' in said
    after = torch.load(place / row['log'] / 'epoch_1.pth', weights_only=False)
    assert after['meta']['dataset_meta']['classes'] == [*classes]
    after = after['state_dict']
    assert after['head.fc.weight'].shape == (len(classes), 2048)
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
    said = typed('resnet50.pth --style', place, instead={'$C': resnet50})
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
    options = [*ONE_EPOCH, 'train_dataloader.batch_size=4']
    said = typed(
        'ann_file=1percent_labelled.txt',
        place,
        *SIZES,
        *options,
        instead={'$C': resnet50},
    )
    assert 'epoch 1/1  1/1' in said


def test_the_first_number_needs_no_training_and_no_data(tmp_path):
    typed('mmdcl://dcl_resnet18_digits', tmp_path)
    line = tmp_path.joinpath('work_dirs/evaluate.jsonl').read_text()
    assert json.loads(line)['metrics']['k20/accuracy/top1'] > 95
