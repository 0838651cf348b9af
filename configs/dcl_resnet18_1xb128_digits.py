# The demo: DCL on scikit-learn's handwritten digits with a slim ResNet-18, a
# few minutes on two CPU cores, kNN accuracy before and after.
_base_ = [
    'mmpretrain::_base_/default_runtime.py',
    './_base_/runtime.py',
    './_base_/cosine.py',
]

model = dict(
    type='mmdcl.SimCLR',
    channels_last=True,
    data_preprocessor=dict(
        type='mmdcl.ViewDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3
    ),
    backbone=dict(
        type='ResNet_CIFAR',
        depth=18,
        stem_channels=16,
        base_channels=16,
        norm_cfg=dict(type='SyncBN'),
    ),
    neck=dict(
        type='NonLinearNeck',
        in_channels=128,
        hid_channels=128,
        out_channels=64,
    ),
    head=dict(type='mmdcl.DCLHead', temperature=0.1),
)

view_pipeline = [
    dict(type='RandomResizedCrop', scale=16, crop_ratio_range=(0.4, 1.0)),
    dict(
        type='Rotate',
        magnitude_range=(0.0, 25.0),
        magnitude_std='inf',
        pad_val=0,  # the default, 128, is blue: of one channel
        prob=0.8,
    ),
    dict(type='ColorJitter', brightness=0.4, contrast=0.4),
]
train_dataloader = dict(
    batch_size=128,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmdcl.Digits',
        split='train',
        pipeline=[
            dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmdcl.Digits',
        split='test',
        pipeline=[
            dict(type='Resize', scale=(16, 16)),
            dict(type='PackInputs'),
        ],
    ),
)
val_evaluator = dict(type='Accuracy', topk=1)
val_cfg = dict(type='mmdcl.KNNValLoop', k=20, temperature=0.1)
test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='mmdcl.KNNTestLoop', k=(1, 20), temperature=0.1)

optim_wrapper = dict(
    type='mmdcl.BFloat16OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = [dict(_base_.pop('cosine'), T_max=15, end=15)]
train_cfg = dict(type='mmdcl.ExactTrainLoop', max_epochs=15, val_interval=5)
auto_scale_lr = dict(base_batch_size=128)
custom_hooks = [
    dict(type='mmdcl.ResumeHook'),
    dict(type='mmdcl.InvalidLossHook'),
    dict(type='mmdcl.CheckpointMatchHook'),
    dict(type='mmdcl.HeartbeatHook'),
    dict(type='mmdcl.InterruptHook'),
    dict(type='mmdcl.QualityHook'),
    dict(type='mmdcl.VerdictHook'),
    dict(type='mmdcl.ProgressHook', val_before_train=True),
]
default_hooks = dict(
    views=dict(type='mmdcl.DeviceViewsHook'),
    logger=dict(interval=11),
    checkpoint=dict(
        type='mmdcl.AtomicCheckpointHook', interval=5, max_keep_ckpts=2
    ),
)
randomness = dict(seed=0)
