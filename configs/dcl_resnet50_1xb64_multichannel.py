# DCL on images of any channels and depth: as it stands, on Sentinel-2's 13
# bands of Level-1C. docs/channels.md says how to fit it to others. Labels, if
# there are any, serve kNN alone.
_base_ = [
    'mmpretrain::_base_/default_runtime.py',
    './_base_/runtime.py',
    './_base_/cosine.py',
]

# Of SSL4EO-S12 (arXiv 2211.07044), B1 to B12 with B8A after B8.
data_preprocessor = dict(
    type='mmdcl.ViewDataPreprocessor',
    mean=[
        *(1605.6, 1390.8, 1314.9, 1363.5, 1549.4, 2091.7, 2371.7),
        *(2299.9, 2560.3, 830.1, 22.1, 2177.1, 1524.1),
    ],
    std=[
        *(786.8, 850.3, 875.1, 1138.8, 1122.2, 1161.6, 1274.4),
        *(1248.4, 1345.5, 577.3, 51.2, 1336.1, 1136.5),
    ],
)
model = dict(
    type='mmdcl.SimCLR',
    backbone=dict(
        type='ResNet',
        depth=50,
        in_channels=13,
        norm_cfg=dict(type='SyncBN'),
        zero_init_residual=True,
    ),
    neck=dict(
        type='NonLinearNeck',
        in_channels=2048,
        hid_channels=2048,
        out_channels=128,
        num_layers=2,
    ),
    head=dict(type='mmdcl.DCLHead', temperature=0.1),
)

load = dict(type='mmdcl.LoadMultichannelImage')
# What is seen from above has no upside, and no colours but its bands.
view_pipeline = [
    dict(type='RandomResizedCrop', scale=224, crop_ratio_range=(0.2, 1.0)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmdcl.RandomRotate90'),
    dict(type='mmdcl.RandomBandJitter', gain=0.2, offset=0.2, prob=0.8),
    dict(
        type='mmdcl.GaussianBlur',
        magnitude_range=(0.1, 2.0),
        magnitude_std='inf',
        prob=0.5,
    ),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmdcl.Images',
        data_root='data/multichannel',
        extensions=('.tif', '.tiff', '.npy', '.png'),
        pipeline=[
            load,
            dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmdcl.Images',
        data_root='data/multichannel',
        split='val',
        extensions=('.tif', '.tiff', '.npy', '.png'),
        pipeline=[
            load,
            dict(type='ResizeEdge', scale=224, edge='short'),
            dict(type='CenterCrop', crop_size=224),
            dict(type='PackInputs'),
        ],
    ),
)
val_evaluator = dict(type='Accuracy', topk=1)
val_cfg = dict(type='mmdcl.KNNValLoop', k=20, temperature=0.07)
test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='mmdcl.KNNTestLoop', k=(1, 5, 20), temperature=0.07)

optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.03, momentum=0.9, weight_decay=1e-4)
)
param_scheduler = [_base_.pop('cosine')]
train_cfg = dict(type='mmdcl.ExactTrainLoop', max_epochs=200, val_interval=10)
auto_scale_lr = dict(base_batch_size=64)
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(
        type='mmdcl.AtomicCheckpointHook', interval=10, max_keep_ckpts=3
    ),
)
