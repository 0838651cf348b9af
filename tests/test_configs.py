"""Every config builds, and a variant states only its difference."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS, MODELS

CONFIGS = sorted(Path(__file__).parent.parent.joinpath('configs').glob('*.py'))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_model_and_pipelines_build(path):
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(path)
    model = MODELS.build(cfg.model)
    loss = path.stem.partition('_')[0]
    head = {'simclr': 'InfoNCEHead', 'dcl': 'DCLHead', 'dclw': 'DCLWHead'}
    assert type(model.head).__name__ == head[loss]
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        assert '_scope_' not in cfg[name].get('collate_fn', {})
        dataset = cfg[name].dataset
        DATASETS.build({**dataset, 'lazy_init': True})
        first = dataset.pipeline[0]['type']
        reads = dataset.type in ('mmdcl.CIFAR10', 'mmdcl.Digits')
        assert reads or first == 'mmdcl.LoadImageFromFile'


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_learning_rate_scales_from_the_batch_in_the_name(path):
    cfg = Config.fromfile(path)
    gpus, batch = map(int, re.search(r'_(\d+)xb(\d+)', path.stem).groups())
    assert cfg.train_dataloader.batch_size == batch
    assert cfg.auto_scale_lr.base_batch_size == gpus * batch


@pytest.mark.parametrize(
    'path',
    [path for path in CONFIGS if 'digits' not in path.stem],
    ids=lambda path: path.stem,
)
def test_losses_share_everything_but_the_head(path):
    cfg = Config.fromfile(path)
    name = path.name.replace('dclw_', 'simclr_').replace('dcl_', 'simclr_')
    base = Config.fromfile(path.with_name(name))
    assert cfg.model.pop('head').temperature == base.model.head.temperature
    base.model.pop('head')
    assert cfg.to_dict() == base.to_dict()
