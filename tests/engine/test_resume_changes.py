"""Which differences between two runs are said, and which one counts."""

from copy import deepcopy
from pathlib import Path

import pytest
from mmengine.config import Config

import mmdcl.datasets
import mmdcl.engine
import mmdcl.models  # noqa: F401 - to be known by the registries
from mmdcl.engine.resume_changes import (
    CHECKPOINT,
    CONFIG,
    NEVER,
    REFUSED,
    config_changes,
    fact_changes,
    read_config,
    table,
)

CONFIGS = Path(__file__).parents[2] / 'configs'
NAMES = sorted(str(x.relative_to(CONFIGS)) for x in CONFIGS.rglob('*.py'))
BASE = dict(
    default_scope='mmpretrain',
    work_dir='there',
    model=dict(
        type='mmdcl.SimCLR',
        backbone=dict(type='ResNet', depth=18, norm_cfg=dict(type='SyncBN')),
        head=dict(type='mmdcl.DCLHead', temperature=0.1),
    ),
    train_dataloader=dict(
        batch_size=32,
        num_workers=2,
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(
            type='ImageNet',
            data_root='there',
            pipeline=[dict(type='Resize', scale=(16, 16))],
        ),
    ),
    train_cfg=dict(by_epoch=True, max_epochs=3),
    optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
    param_scheduler=dict(type='CosineAnnealingLR', T_max=3),
    custom_hooks=[dict(type='mmdcl.ProgressHook')],
    randomness=dict(seed=0),
)


def changed(**options):
    """Rows for what these dotted options change."""
    now = Config(deepcopy(BASE))
    now.merge_from_dict({k.replace('__', '.'): x for k, x in options.items()})
    then = read_config(Config(deepcopy(BASE)).pretty_text)
    return config_changes(then, read_config(now.pretty_text))


def as_read(value):
    if isinstance(value, dict):
        return {str(key): as_read(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_read(x) for x in value]
    return value


@pytest.mark.parametrize('name', NAMES)
def test_every_config_is_read_as_it_was_written(name):
    tidy = 'digits' in name  # yapf is slow and changes white space alone
    try:
        cfg = Config.fromfile(CONFIGS / name, format_python_code=tidy)
    except (ImportError, ModuleNotFoundError) as error:
        pytest.skip(str(error))
    found = read_config(cfg.pretty_text)
    assert found == as_read(cfg.to_dict())
    assert config_changes(found, found) == []


PIPELINE = dict(scale=[16, 16], type='Resize')
COSINE = dict(by_epoch=True, type='CosineAnnealingLR', T_max=3)
HARMLESS = [
    dict(work_dir='here'),
    dict(experiment_name='another'),
    dict(launcher='pytorch', model_wrapper_cfg=dict(type='DDP')),
    dict(resume=True, load_from='epoch_1.pth'),
    dict(train_dataloader__num_workers=7),
    dict(train_dataloader__persistent_workers=True),
    dict(train_dataloader__pin_memory=False),
    dict(train_dataloader__collate_fn=dict(type='default_collate')),
    dict(train_dataloader__drop_last=False),
    dict(train_dataloader__dataset__type='mmdcl.ImageNet'),
    dict(train_dataloader__dataset__type='mmpretrain.ImageNet'),
    dict(train_dataloader__dataset__pipeline=[PIPELINE]),
    dict(train_cfg__val_interval=2),
    dict(val_cfg=dict(type='mmdcl.KNNValLoop', k=7)),
    dict(visualizer=dict(type='Visualizer')),
    dict(log_level='DEBUG', log_processor=dict(window_size=3)),
    dict(default_hooks=dict(logger=dict(type='LoggerHook', interval=3))),
    dict(default_hooks=dict(x=dict(type='CheckpointHook', interval=3))),
    dict(custom_hooks=[]),
    dict(custom_hooks=[dict(type='mmdcl.ResumeHook', with_changes=True)]),
    dict(optim_wrapper__type='OptimWrapper'),
    dict(param_scheduler=[COSINE]),
    dict(auto_scale_lr=dict(base_batch_size=32, enable=False)),
    dict(model__backbone__init_cfg=dict(type='Pretrained', checkpoint='x')),
]


@pytest.mark.parametrize('options', HARMLESS, ids=str)
def test_what_makes_no_difference_passes_in_silence(options):
    assert changed(**options) == []


MEANING = {
    'optim_wrapper.optimizer.lr': 0.5,
    'optim_wrapper.optimizer.weight_decay': 1e-4,
    'optim_wrapper.optimizer.type': 'AdamW',
    'optim_wrapper.accumulative_counts': 2,
    'optim_wrapper.type': 'mmdcl.BFloat16OptimWrapper',
    'param_scheduler.T_max': 8,
    'model.head.type': 'mmdcl.InfoNCEHead',
    'model.head.temperature': 0.5,
    'model.head.detach': False,
    'model.type': 'SimCLR',  # mmpretrain's, not ours
    'model.backbone.depth': 50,
    'model.backbone.norm_cfg.type': 'BN',
    'train_dataloader.batch_size': 64,
    'train_dataloader.drop_last': True,
    'train_dataloader.sampler.shuffle': False,
    'train_dataloader.dataset.type': 'CIFAR10',
    'train_dataloader.dataset.indices': 390,
    'train_dataloader.dataset.pipeline.0.scale': 32,
    'auto_scale_lr': dict(enable=True, base_batch_size=256),
    'custom_hooks': [dict(type='EMAHook')],
    'default_hooks': dict(views=dict(type='mmdcl.DeviceViewsHook')),
    'randomness.diff_rank_seed': True,
}


@pytest.mark.parametrize('key', MEANING)
def test_what_changes_the_meaning_is_refused(key):
    rows = changed(**{key: MEANING[key]})
    assert [row.verdict for row in rows] == [REFUSED]
    setting = key.replace('custom_hooks', 'hooks.EMAHook')
    setting = setting.replace('default_hooks', 'hooks.mmdcl.DeviceViewsHook')
    setting = setting.replace('scheduler.T', 'scheduler.0.T')
    assert rows[0].setting == setting


@pytest.mark.parametrize(
    ('options', 'verdict'),
    [
        (dict(randomness__seed=1), CHECKPOINT),
        (dict(train_cfg__max_epochs=5), CONFIG),
        (dict(train_dataloader__dataset__data_root='here'), CONFIG),
        (dict(train_dataloader__dataset__on_error='stop'), CONFIG),
        (dict(train_cfg=dict(_delete_=True, by_epoch=False)), NEVER),
    ],
    ids=str,
)
def test_what_is_said_and_counts(options, verdict):
    assert verdict in {row.verdict for row in changed(**options)}


def test_sync_bn_of_one_process_is_bn():
    now = deepcopy(BASE)
    now['model']['backbone']['norm_cfg']['type'] = 'BN'
    assert config_changes(BASE, now, alone=True) == []


def test_facts_that_no_config_holds():
    then = dict(images=400, ranks=2, threads=1, torch=None)
    now = dict(images=390, ranks=2, threads=2, torch='2.9', device='cpu')
    rows = [(x.setting, x.verdict) for x in fact_changes(then, now)]
    assert rows == [('images', REFUSED), ('threads', CONFIG)]


def test_the_table():
    rows = table(changed(optim_wrapper__optimizer__lr=0.5), True).splitlines()
    assert rows[0].split() == ['setting', 'checkpoint', 'config', 'counts']
    setting = 'optim_wrapper.optimizer.lr'
    assert rows[1].split() == [setting, '0.1', '0.5', 'config']


def test_a_config_is_data(tmp_path):
    target = tmp_path / 'ran'
    text = (
        f'import os\nx = open({str(target)!r}, "w")\n'
        f'y = dict(a=[__import__("os").mkdir({str(target)!r})])\n'
        'model = dict({"0": 1}, a=(1, 2))'
    )
    found = read_config(text)
    assert found['model'] == {'0': 1, 'a': [1, 2]}
    assert not target.exists()


def test_rows_are_few_and_harmless_to_a_terminal():
    text = 'model = dict({})\ndefault_hooks = custom_hooks = 3\nrandomness=3'
    many = ', '.join(f'"\\x1b[{i}": "\\x1b[2J"' for i in range(1000))
    odd = read_config(text.format('{"type": "mmdcl.SimCLR", ' + many + '}'))
    rows = table(config_changes(odd, BASE), False)
    assert '\x1b' not in rows
    assert len(rows) < 10_000
    assert 'more' in rows


@pytest.mark.parametrize(
    'text', ['(' * 10**5, 'a = \0', 'a b', '-' * 10**6 + '1']
)
def test_a_text_that_is_no_config(text):
    with pytest.raises(ValueError, match='no config that can be read'):
        read_config(text)
