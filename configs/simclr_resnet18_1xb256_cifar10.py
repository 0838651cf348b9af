# SimCLR (InfoNCE), CIFAR-10, one GPU x 256 images, 200 epochs, ResNet-18 with
# a 3 x 3 stem. SGD and schedule as in lightly's CIFAR-10 benchmark.
_base_ = [
    'mmpretrain::_base_/default_runtime.py',
    './_base_/cifar10_knn.py',
    './_base_/runtime.py',
    './_base_/cosine.py',
]

model = dict(
    type='mmdcl.SimCLR',
    backbone=dict(type='ResNet_CIFAR', depth=18, norm_cfg=dict(type='SyncBN')),
    neck=dict(
        type='NonLinearNeck',
        in_channels=512,
        hid_channels=512,
        out_channels=128,
        num_layers=2,
    ),
    head=dict(type='mmdcl.InfoNCEHead', temperature=0.1),
)
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.12, momentum=0.9, weight_decay=5e-4)
)
param_scheduler = [_base_.pop('cosine')]
train_cfg = dict(type='mmdcl.ExactTrainLoop', max_epochs=200, val_interval=10)
auto_scale_lr = dict(base_batch_size=256)
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(
        type='mmdcl.AtomicCheckpointHook', interval=10, max_keep_ckpts=3
    ),
)
