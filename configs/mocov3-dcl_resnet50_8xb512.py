# MoCo v3 of mmpretrain, unchanged but for the loss; with kNN validation.
_base_ = [
    'mmpretrain::mocov3/mocov3_resnet50_8xb512-amp-coslr-100e_in1k.py',
    './_base_/imagenet_knn.py',
    './_base_/runtime.py',
]
model = dict(head=dict(loss=dict(type='mmdcl.DecoupledCrossEntropyLoss')))
train_dataloader = dict(
    dataset=dict(
        type='mmdcl.ImageNet',
        metainfo=dict(classes=None),  # any folders: labels serve kNN alone
    ),
)
train_cfg = dict(val_interval=10)
