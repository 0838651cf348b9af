# Linear classifier on frozen features, handwritten digits: SGD, seconds.
# Learning rate and schedule as for CIFAR-10.
_base_ = [
    'mmpretrain::_base_/models/resnet18_cifar.py',
    'mmpretrain::_base_/default_runtime.py',
    './_base_/digits.py',
]

model = dict(backbone=dict(frozen_stages=4))
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.0)
)
param_scheduler = dict(
    type='CosineAnnealingLR',
    T_max=10,
    by_epoch=True,
    begin=0,
    end=10,
    convert_to_iter_based=True,
)
train_cfg = dict(type='mmdcl.ExactTrainLoop', max_epochs=10)
default_hooks = dict(
    logger=dict(interval=11),
    checkpoint=dict(type='mmdcl.AtomicCheckpointHook', interval=10),
)
