# Weighted kNN on frozen features, folders of classes.
_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    'mmpretrain::_base_/default_runtime.py',
    './_base_/folder.py',
]

test_evaluator = dict(topk=1)
test_cfg = dict(type='mmdcl.KNNTestLoop', k=(1, 10, 20), temperature=0.07)
