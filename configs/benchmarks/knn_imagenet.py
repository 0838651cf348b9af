# Weighted kNN on frozen features, ImageNet-1K.
_base_ = 'mmpretrain::resnet/resnet50_8xb32_in1k.py'

model = dict(backbone=dict(init_cfg=None))
test_evaluator = dict(topk=1)
test_cfg = dict(
    type='mmdcl.KNNTestLoop', k=(10, 20, 100, 200), temperature=0.07
)
train_dataloader = dict(dataset=dict(type='mmdcl.ImageNet'))
val_dataloader = dict(dataset=dict(type='mmdcl.ImageNet'))
test_dataloader = val_dataloader
