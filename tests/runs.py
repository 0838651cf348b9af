"""The smallest runs of mmengine's Runner: digits, a thimble of a network."""

from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

BACKBONE = dict(type='ResNet_CIFAR', depth=18, stem_channels=4)
BACKBONE |= dict(base_channels=4, strides=(2, 2, 2, 2))
NECK = dict(type='NonLinearNeck', in_channels=32, hid_channels=16)
NECK |= dict(out_channels=8)
SIMCLR = dict(
    type='mmdcl.SimCLR',
    backbone=BACKBONE,
    neck=NECK,
    head=dict(type='mmdcl.DCLHead'),
)
NNCLR = dict(
    type='mmdcl.NNCLR',
    backbone=BACKBONE,
    neck=NECK,
    predictor=dict(
        type='NonLinearNeck',
        in_channels=8,
        hid_channels=16,
        out_channels=8,
        with_last_bn=False,
        with_avg_pool=False,
    ),
    support_set=dict(size=100, dim=8),
    head=dict(type='mmdcl.DCLHead'),
)
PLAIN = [dict(type='Resize', scale=(16, 16)), dict(type='PackInputs')]
VIEWS = [
    dict(
        type='MultiView',
        num_views=2,
        transforms=[[dict(type='RandomResizedCrop', scale=16)]],
    ),
    dict(type='PackInputs'),
]


def loader(split: str, pipeline: list, **kwargs) -> dict:
    """A dataloader of digits, in the main process."""
    dataset = dict(type='mmdcl.Digits', split=split, pipeline=pipeline)
    return {
        'batch_size': 64,
        'num_workers': 0,
        'drop_last': split == 'train',
        'dataset': dataset,
        'sampler': dict(type='DefaultSampler', shuffle=split == 'train'),
        'collate_fn': dict(type='default_collate'),
        **kwargs,
    }


def runner(work_dir: Path, **overrides) -> Runner:
    """One epoch of SimCLR with DCL on digits, and kNN on the test split."""
    train = loader('train', VIEWS)
    train['dataset']['indices'] = 256
    cfg = dict(
        default_scope='mmpretrain',
        work_dir=str(work_dir),
        model=SIMCLR,
        train_dataloader=train,
        val_dataloader=loader('test', PLAIN),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        val_cfg=dict(type='mmdcl.KNNValLoop', k=5),
        val_evaluator=dict(type='Accuracy'),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        randomness=dict(seed=0),
        log_level='WARNING',
        experiment_name=work_dir.name,
    )
    return Runner.from_cfg(Config({**cfg, **overrides}))
