# SimCLR (InfoNCE) with four convolutions, CIFAR-10: long training at the price
# of minutes of a CPU core, for studies of losses. 10,000 images to train on,
# 5,000 others for validation.
_base_ = './simclr_slimr18_1xb32_cifar10.py'

model = dict(
    backbone=dict(
        _delete_=True, type='mmdcl.Conv4', norm_cfg=dict(type='SyncBN')
    ),
    neck=dict(in_channels=256, hid_channels=256, out_channels=128),
    head=dict(temperature=0.07),
    channels_last=True,
)
# Milder crops than those of the base.
view_pipeline = [
    dict(_base_.view_pipeline[0], crop_ratio_range=(0.25, 1.0)),
    *_base_.view_pipeline[1:],
]
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            _base_.rgb,
            dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
            dict(type='PackInputs'),
        ],
    ),
)
optim_wrapper = dict(
    type='mmdcl.BFloat16OptimWrapper', optimizer=dict(lr=0.03)
)
param_scheduler = [dict(_base_.param_scheduler[0], T_max=60, end=60)]
train_cfg = dict(max_epochs=60, val_interval=10)
default_hooks = dict(
    logger=dict(interval=312),
    views=dict(type='mmdcl.BatchViewsHook'),
    checkpoint=dict(interval=60, max_keep_ckpts=1),
)
