"""Images to train on that are evaluated on, refused by their files."""

import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpretrain.datasets import CustomDataset as UpstreamDataset

from mmdcl.datasets import CustomDataset, Digits, Images
from mmdcl.engine.evaluation_images import check_evaluation_images
from tests.runs import PLAIN, VIEWS, loader, runner

LOAD = dict(type='mmdcl.LoadImageFromFile')


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


def drawn(root, *names):
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = np.full((16, 16, 3), 9 * number, np.uint8)
        assert cv2.imwrite(str(path), image)
    return root


def folder(root, kind=CustomDataset):
    return kind(data_root=str(root), with_label=False)


@pytest.mark.parametrize('kind', [CustomDataset, UpstreamDataset])
def test_the_same_file_by_any_way(kind, tmp_path):
    drawn(tmp_path / 'a', *[f'x/{i}.png' for i in range(9)])
    drawn(tmp_path / 'b', 'x/0.png')
    train = folder(tmp_path / 'a', kind)
    check_evaluation_images(train, dict(val=folder(tmp_path / 'b')))
    tmp_path.joinpath('c').symlink_to(tmp_path / 'a/x')
    for val in ('a', 'c'):
        wrapped = SimpleNamespace(dataset=train)
        with pytest.raises(
            ValueError,
            match=r'9 of the images to train on are among those that val '
            r'evaluates on \(.*/0.png, .* and 4 more\); .*--train-on-eval',
        ):
            check_evaluation_images(
                wrapped, dict(val=folder(tmp_path / val, kind))
            )
    tmp_path.joinpath('b/x/link.png').symlink_to(tmp_path / 'a/x/3.png')
    for one, other in (('a', 'b'), ('b', 'a')):
        with pytest.raises(ValueError, match=r'^1 of .*(3|link)\.png'):
            check_evaluation_images(
                folder(tmp_path / one, kind),
                dict(val=folder(tmp_path / other, kind)),
            )


def test_images_in_memory_are_not_known():
    memory = Digits(split='test')
    check_evaluation_images(memory, dict(val=memory, test=object()))


def test_splits_side_by_side_at_any_depth(tmp_path):
    names = ['train/a.png', 'val/b.png', 'more/val/c.png']
    drawn(tmp_path / 'deep', *names)
    with pytest.raises(
        ValueError, match=r'1 of .* lie in a folder val or test.*val/b\.png'
    ):
        check_evaluation_images(folder(tmp_path, Images), {})
    check_evaluation_images(folder(tmp_path / 'deep', Images), {})
    check_evaluation_images(folder(tmp_path / 'deep/val', Images), {})
    years = drawn(tmp_path / 'y', 'train2017/a.png', 'test2014/b.png')
    check_evaluation_images(folder(years, Images), {})
    large = drawn(tmp_path / 'l', 'x/Training/a.png', 'x/Testing/b.png')
    with pytest.raises(ValueError, match=r'1 of .*Testing/b\.png'):
        check_evaluation_images(folder(large, Images), {})


def run(work_dir, train, val, **check):
    loaders = {
        f'{name}_dataloader': loader(
            split,
            [],
            batch_size=4,
            dataset=dict(
                type='mmdcl.Images', pipeline=[LOAD, *pipeline], **settings
            ),
        )
        for name, split, pipeline, settings in (
            ('train', 'train', VIEWS, train),
            ('val', 'test', PLAIN, val),
        )
    }
    hooks = [dict(type='mmdcl.DataCheckHook', **check)]
    return runner(work_dir, **loaders, custom_hooks=hooks)


def test_before_the_first_step_unless_asked_for(tmp_path):
    names = [f'{x}/{i}.png' for x in ('ant', 'bee') for i in range(8)]
    root = dict(data_root=str(drawn(tmp_path / 'photos', *names)))
    tmp_path.joinpath('photos/ant/0.png').write_bytes(b'nothing')
    everything = dict(root, split='all')
    stopped = run(tmp_path / 'a', everything, everything)
    with pytest.raises(ValueError, match='16 of the images to train on'):
        stopped.train()
    assert stopped.iter == 0
    fine = run(tmp_path / 'b', root, dict(root, split='val'))
    fine.train()
    allowed = run(
        tmp_path / 'c', everything, everything, train_on_evaluation=True
    )
    allowed.val_loop.run = lambda: {}  # it would stop at the broken image
    allowed.train()
    log = next((tmp_path / 'c').glob('*/*.log')).read_text()
    assert re.search(r'\n.*WARNING - 1 times in this training another', log)
