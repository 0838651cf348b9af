# DCL on the training images of BCCD (blood cells), for
# configs/benchmarks/detection_bccd.py: ResNet-18 of half the width, 64 px,
# a few minutes of one CPU core.
_base_ = [
    'mmpretrain::_base_/default_runtime.py',
    './_base_/runtime.py',
    './_base_/cosine.py',
]

model = dict(
    type='mmdcl.SimCLR',
    data_preprocessor=dict(
        type='mmdcl.ViewDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type='ResNet',
        depth=18,
        stem_channels=32,
        base_channels=32,
        norm_cfg=dict(type='SyncBN'),
    ),
    neck=dict(
        type='NonLinearNeck',
        in_channels=256,
        hid_channels=256,
        out_channels=128,
    ),
    head=dict(type='mmdcl.DCLHead', temperature=0.1),
)
# Images of blood differ in little else than their stain: with SimCLR's colours
# and small crops nothing tells one from another, and the loss stays at chance.
view_pipeline = [
    dict(type='RandomResizedCrop', scale=64, crop_ratio_range=(0.2, 1.0)),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomApply',
        transforms=[
            dict(
                type='ColorJitter',
                brightness=0.2,
                contrast=0.2,
                saturation=0.2,
                hue=0.02,
            )
        ],
        prob=0.8,
    ),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='VOC',
        data_root='data/BCCD',
        split='trainval',
        pipeline=[
            dict(type='mmdcl.LoadImageFromFile'),
            dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
            dict(type='PackInputs'),
        ],
    ),
)
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.03, momentum=0.9, weight_decay=5e-4)
)
param_scheduler = [dict(_base_.pop('cosine'), T_max=60, end=60)]
train_cfg = dict(type='mmdcl.ExactTrainLoop', max_epochs=60)
auto_scale_lr = dict(base_batch_size=32)
default_hooks = dict(
    logger=dict(interval=9),
    checkpoint=dict(
        type='mmdcl.AtomicCheckpointHook', interval=10, max_keep_ckpts=1
    ),
)
