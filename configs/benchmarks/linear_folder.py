# Linear classifier on frozen features, folders of classes. Learning rate as
# for CIFAR-10, more epochs as folders are small; not tuned.
_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    'mmpretrain::_base_/default_runtime.py',
    './_base_/folder.py',
    './_base_/linear.py',
]

model = dict(backbone=dict(frozen_stages=4))
param_scheduler = dict(T_max=30, end=30)
train_cfg = dict(max_epochs=30)
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(
        type='mmdcl.AtomicCheckpointHook', interval=10, max_keep_ckpts=1
    ),
)
