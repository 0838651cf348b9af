"""Blocks of Python in the documentation, under upstream's own train.py."""

import importlib.util
import math
import re
from pathlib import Path

import pytest
import torch

from tests.commands import drawn
from tests.commands.conftest import CLASSES
from tests.commands.documented import ROOT, block, logged, run


def upstream(package: str) -> Path:
    """Upstream's own ``tools/train.py``, as installed with the package."""
    found = importlib.util.find_spec(package).submodule_search_locations[0]
    return Path(found, '.mim/tools/train.py')


SMALL = ['train_dataloader.batch_size=4', 'train_dataloader.num_workers=0']
SMALL += ['train_dataloader.persistent_workers=False']
SMALL += ['train_dataloader.pin_memory=False']
IMAGES = [f'train_dataloader.dataset.{CLASSES}']
IMAGES += ['train_dataloader.dataset.indices=8']
IMAGES += ['train_cfg.max_epochs=1', 'default_hooks.logger.interval=1']


@pytest.mark.parametrize('views', [False, True], ids=['head', 'views'])
def test_a_pipeline_of_mmpretrain_takes_our_loss(place, views):
    text = block('mocov2/mocov2_resnet50')
    if views:
        text += block('DeviceViewsHook')
    name = f'mine{"_views" * views}'
    place.joinpath(f'{name}.py').write_text(text)
    options = [*SMALL, *IMAGES, 'model.queue_len=16']
    options += ['model.backbone.depth=18', 'model.neck.in_channels=512']
    words = ['python', upstream('mmpretrain'), f'{name}.py', '--cfg-options']
    run([*words, *options], place)
    lines = logged(place / 'work_dirs' / name)
    assert len(lines) == 2
    assert all(torch.tensor(x['loss']).isfinite() for x in lines)
    assert place.joinpath('work_dirs', name, 'epoch_1.pth').is_file()


def test_moco_v3_of_mmpretrain_takes_our_loss(place):
    text = block('mocov3/mocov3_resnet50')
    text += "optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', "
    text += 'lr=0.1))\n'  # its own, of mixed precision, needs a GPU
    place.joinpath('mine_mocov3.py').write_text(text)
    options = [*SMALL, *IMAGES, 'model.backbone.depth=18']
    options += ['model.neck.in_channels=512', 'model.neck.hid_channels=16']
    options += ['model.head.predictor.hid_channels=16']
    words = ['python', upstream('mmpretrain'), 'mine_mocov3.py']
    run([*words, '--cfg-options', *options], place)
    found = [x['loss'] for x in logged(place / 'work_dirs/mine_mocov3')]
    # Untrained, of 4 images: 2 views, weight 2, 3 keys of much the same
    # cosine. Cross-entropy counts the positive, too: log 4.
    assert all(abs(x - 2 * 2 * math.log(3)) < 0.5 for x in found)


def test_a_detector_of_mmdet_starts_from_our_weights(place, resnet50):
    pytest.importorskip('mmdet')
    drawn.bccd(place / 'data/BCCD')
    before = torch.load(place / resnet50, weights_only=False)['state_dict']
    text = f"_base_ = '{ROOT / 'configs/benchmarks/detection_bccd.py'}'\n"
    text += 'model = dict(backbone=dict(depth=50), neck=dict(in_channels='
    text += f'[256, 512, 1024, 2048]))\nC = {resnet50!r}\n'
    text += block('downstream.with_operators')
    place.joinpath('mine_detector.py').write_text(text)
    options = [*SMALL, 'train_cfg.max_iters=1', 'test_dataloader=None']
    options += ['test_evaluator=None', 'test_cfg=None']
    options += ['optim_wrapper.optimizer.lr=0.0']
    words = ['python', upstream('mmdet'), 'mine_detector.py', '--cfg-options']
    said = run([*words, *options], place)
    assert re.search(r'backbone: all \d+ tensors', said)
    found = torch.load(
        place / 'work_dirs/mine_detector/iter_1.pth', weights_only=False
    )['state_dict']
    for name, tensor in before.items():
        if name.startswith('backbone.') and name.endswith('weight'):
            assert torch.equal(found[name], tensor), name
