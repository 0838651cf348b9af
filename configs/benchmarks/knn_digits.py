# Weighted kNN on frozen features, handwritten digits.
_base_ = [
    'mmpretrain::_base_/models/resnet18_cifar.py',
    'mmpretrain::_base_/default_runtime.py',
    './_base_/digits.py',
]

test_cfg = dict(type='mmdcl.KNNTestLoop', k=(1, 20), temperature=0.1)
