# Linear SVMs on frozen features, VOC07: VISSL's and mmselfsup's protocol.
_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    'mmpretrain::_base_/default_runtime.py',
    './_base_/voc07.py',
]

model = dict(head=dict(num_classes=20))
test_evaluator = []  # the loop's own metrics
test_cfg = dict(type='mmdcl.SVMTestLoop')
