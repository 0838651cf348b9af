# Weighted kNN on frozen features, CIFAR-10.
_base_ = [
    'mmpretrain::_base_/models/resnet18_cifar.py',
    'mmpretrain::_base_/default_runtime.py',
    './_base_/cifar10.py',
]

test_evaluator = dict(topk=1)
test_cfg = dict(type='mmdcl.KNNTestLoop', k=(1, 20, 200), temperature=0.1)
