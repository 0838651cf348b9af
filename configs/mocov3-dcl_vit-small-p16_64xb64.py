# MoCo v3 of mmpretrain, unchanged but for the loss; with kNN validation.
_base_ = [
    'mmpretrain::mocov3/mocov3_vit-small-p16_16xb256-amp-coslr-300e_in1k.py',
    './_base_/imagenet_knn.py',
    './_base_/runtime.py',
]
model = dict(head=dict(loss=dict(type='mmdcl.DecoupledCrossEntropyLoss')))
train_dataloader = dict(
    batch_size=64,  # 4,096 in all, as upstream's 16 GPUs x 256
    dataset=dict(
        type='mmdcl.ImageNet',
        metainfo=dict(classes=None),  # any folders: labels serve kNN alone
    ),
)
train_cfg = dict(val_interval=10)
