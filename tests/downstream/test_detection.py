"""Pretrain on a dozen images, finetune a detector on them, count boxes."""

import json

import pytest
import torch

from mmdcl.cli import evaluate, train
from mmdcl.cli.main import parse
from mmdcl.errors import UserError
from tests.commands import drawn

pytest.importorskip('mmdet')

CONFIG = 'dcl_slimr18_1xb32_bccd'
SMALL = ['train_dataloader.dataset.pipeline.2.scale=(160,120)']
SMALL += ['test_dataloader.dataset.pipeline.1.scale=(160,120)']
SMALL += ['model.train_cfg.rpn_proposal.max_per_img=100']
SMALL += ['model.train_cfg.rcnn.sampler.num=64']
SMALL += ['model.test_cfg.rpn.max_per_img=100']


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('BCCD')
    drawn.bccd(folder, dict(trainval=12, test=4))
    folder.joinpath('ImageSets/Main/empty.txt').write_text('')
    return folder


@pytest.fixture(scope='module')
def checkpoint(data, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('pretrained')
    options = ['train_cfg.max_epochs=2', 'train_dataloader.batch_size=4']
    options += ['randomness.seed=0']
    flags = ['--data-root', data, '--work-dir', work_dir, '--no-report']
    options = ['--cfg-options', *options]
    train.run(parse('train', [CONFIG, *map(str, flags), *options]))
    return work_dir / 'epoch_2.pth'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(monkeypatch, checkpoint, data, *options, dataset='bccd', small=SMALL):
    flags = ['--protocol', 'detection', '--dataset', dataset]
    flags += ['--data-root', data, '--work-dir', 'out', '--out', 'found']
    flags += ['--cfg-options', *small, *options] if small else []
    evaluate.run(parse('evaluate', [*map(str, [checkpoint, *flags])]))


def test_a_detector_starts_from_every_tensor_and_learns(
    checkpoint, data, tmp_path, monkeypatch
):
    options = ['train_cfg.max_iters=30', 'optim_wrapper.optimizer.lr=0.02']
    options += ['default_hooks.checkpoint.interval=30', 'load_from=no.pth']
    run(monkeypatch, checkpoint, data, *options)
    row = json.loads(tmp_path.joinpath('found.jsonl').read_text())
    assert row['metrics']['coco/bbox_mAP_50'] > 0.2

    log = next(tmp_path.glob('out/*/vis_data/scalars.json')).read_text()
    losses = [
        line['loss']
        for line in map(json.loads, log.splitlines())
        if 'loss' in line
    ]
    assert losses[-1] < losses[0]
    text = next(tmp_path.glob('out/*/*.log')).read_text()
    assert 'backbone: all 120 tensors come from' in text
    theirs = torch.load(checkpoint, weights_only=False)['state_dict']
    ours = torch.load(tmp_path / 'out/iter_30.pth', weights_only=False)
    names = [name for name in theirs if name.startswith('backbone.')]
    assert len(names) == 120
    assert ours['state_dict'].keys() >= {*names}
    changed = [
        not torch.equal(theirs[name], ours['state_dict'][name])
        for name in names
        if name.endswith(('weight', 'running_mean'))
    ]
    assert all(changed)  # nothing is frozen


def test_what_stops_it(checkpoint, data, tmp_path, monkeypatch):
    few = 'train_dataloader.dataset.metainfo.classes=(RBC,WBC)'
    with pytest.raises(UserError, match=r'2 classes.*bbox_head\.num_cl.*=2'):
        run(monkeypatch, checkpoint, data, few)
    other = 'train_dataloader.dataset.metainfo.classes=(cat,dog,cow)'
    with pytest.raises(UserError, match=r'is empty: .*cat'):
        run(monkeypatch, checkpoint, data, other)
    empty = 'test_dataloader.dataset.ann_file=ImageSets/Main/empty.txt'
    with pytest.raises(UserError, match=r'test_dataloader.*is empty'):
        run(monkeypatch, checkpoint, data, empty)
    with pytest.raises(UserError, match=r'no .*trainval\.txt; set .*--data'):
        run(monkeypatch, checkpoint, tmp_path)
    with pytest.raises(UserError, match=r'1024 channels.* not 128'):
        run(monkeypatch, checkpoint, data, dataset='voc0712', small=[])
    deep = 'model.backbone.depth=34'
    with pytest.raises(ValueError, match='80 missing'):
        run(monkeypatch, checkpoint, data, deep)
