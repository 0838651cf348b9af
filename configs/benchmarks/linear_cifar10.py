# Linear classifier on frozen features, CIFAR-10: SGD, a few minutes. Learning
# rate: results/README.md, cifar10_slim_linear.
_base_ = [
    'mmpretrain::_base_/models/resnet18_cifar.py',
    'mmpretrain::_base_/default_runtime.py',
    './_base_/cifar10.py',
    './_base_/linear.py',
]

model = dict(backbone=dict(frozen_stages=4))
default_hooks = dict(
    checkpoint=dict(type='mmdcl.AtomicCheckpointHook', interval=10)
)
