# Linear classifier on frozen features, folders of classes. Learning rate as
# for CIFAR-10, more epochs as folders are small; not tuned.
_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    'mmpretrain::_base_/default_runtime.py',
    './_base_/folder.py',
]

model = dict(backbone=dict(frozen_stages=4))
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.0)
)
param_scheduler = dict(
    type='CosineAnnealingLR',
    T_max=30,
    by_epoch=True,
    begin=0,
    end=30,
    convert_to_iter_based=True,
)
train_cfg = dict(type='mmdcl.ExactTrainLoop', max_epochs=30)
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(
        type='mmdcl.AtomicCheckpointHook', interval=10, max_keep_ckpts=1
    ),
)
