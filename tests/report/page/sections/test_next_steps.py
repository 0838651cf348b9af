import hashlib
import shlex

import pytest

from mmdcl.cli.main import parse
from mmdcl.report.page.sections.next_steps import next_steps
from mmdcl.report.runs.digest import sha256
from mmdcl.report.runs.folder import read_run
from tests.report.logs import write_run


def typed(step) -> tuple:
    """What our own parser makes of it."""
    words = shlex.split(step.command)
    assert words[0] == 'mmdcl'
    return words[1], parse(words[1], words[2:])


def run(path, **kwargs):
    log = write_run(path, **kwargs)
    config = log.with_name('config.py')
    text = f'{config.read_text()}work_dir = {str(path)!r}\n'
    config.write_text(text)
    return read_run(path)


def test_all_commands_can_be_typed(tmp_path):
    """Also where names need quotes."""
    here = tmp_path / "it's a run"
    checkpoint = here / 'epoch_10.pth'
    recipe = dict(data='CIFAR10 in data/cifar10, 5 images')
    steps = next_steps(run(here, recipe=recipe), checkpoint)
    commands = dict(map(typed, steps[:2]))
    assert commands['evaluate'].checkpoint == str(checkpoint)
    assert [typed(x)[0] for x in steps] == [
        'train',
        'evaluate',
        'evaluate',
        'export',
    ]
    assert commands['train'].config == str(here / 'small.py')
    assert commands['train'].work_dir == f'{here}_seed1'
    assert commands['train'].cfg_options == {'randomness.seed': '1'}


@pytest.mark.parametrize(
    ('data', 'classes', 'dataset'),
    [
        ('CIFAR10', 10, 'cifar10'),
        ('RepeatDataset of ImageNet', 1000, 'imagenet'),
        ('CIFAR100', 100, 'cifar100'),
        ('CustomDataset', 3, 'folder'),
        ('CustomDataset', None, None),
        ('Digits', 10, None),
        ('VOC', 20, None),
    ],
)
def test_a_linear_classifier_is_offered_on_the_images_of_the_run(
    data, classes, dataset, tmp_path
):
    recipe = dict(
        data=f'{data} in my photos, 5 images',
        classes=classes,
        command="mmdcl train small.py --data-root 'my photos'",
    )
    linear = next_steps(run(tmp_path / 'a', recipe=recipe), tmp_path / 'b')[1]
    if dataset is None:
        assert not linear.command
        assert '--config' in linear.why
    else:
        _, args = typed(linear)
        assert (args.protocol, args.dataset) == ('linear', dataset)
        assert args.data_root == 'my photos'


def test_a_detector_is_offered_what_it_can_start_from(tmp_path):
    for kind in 'ResNet', 'ResNet_CIFAR':
        log = write_run(tmp_path / kind)
        config = log.with_name('config.py')
        network = f"model = dict(backbone=dict(type='mmpretrain.{kind}'))\n"
        config.write_text(config.read_text() + network)
        steps = next_steps(read_run(tmp_path / kind), tmp_path / 'a.pth')
        assert any('detection' in x.command for x in steps) == (
            kind == 'ResNet'
        )
        assert any('detection' in x.why for x in steps) != (kind == 'ResNet')
        style = 'torchvision' if kind == 'ResNet' else 'mmpretrain'
        assert steps[-1].command.endswith(f'--style {style}')


@pytest.mark.parametrize(
    'command',
    [
        'mmdcl train small.py --work-dir {} --amp',
        'mmdcl train small.py --resume {}/a.pth --work-dir={} --amp',
    ],
)
def test_what_was_stopped_goes_on_and_what_is_done_is_repeated(
    command, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath('small.py').write_text('')
    recipe = dict(command=command.format('a', 'a'), seed=3)
    [step] = next_steps(run(tmp_path / 'a', end=90, recipe=recipe), None)
    _, args = typed(step)
    assert (args.resume, args.amp, args.work_dir) == ('auto', True, 'a')
    log = tmp_path / 'b'
    recipe['command'] = recipe['command'].replace('a.pth', 'b.pth')
    [step] = next_steps(run(log, recipe=recipe), None)
    _, args = typed(step)
    assert (args.resume, args.amp, args.work_dir) == (None, True, 'b_seed4')
    assert args.cfg_options == {'randomness.seed': '4'}


def test_a_moved_run_goes_on_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = dict(command='mmdcl train elsewhere.py --work-dir a')
    run(tmp_path / 'a', end=90, recipe=recipe)
    tmp_path.joinpath('a').rename('b')
    [step] = next_steps(read_run(tmp_path / 'b'), None)
    words = ['mmdcl', 'train', 'b/small.py', '--work-dir', 'b', '--resume']
    assert shlex.split(step.command) == words


def test_the_hash_is_that_of_sha256sum(tmp_path):
    path = tmp_path / 'a'
    content = bytes(range(256)) * (5 << 14)  # several blocks
    path.write_bytes(content)
    assert sha256(path) == hashlib.sha256(content).hexdigest()
