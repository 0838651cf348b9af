# DenseCL of mmpretrain, unchanged but for the loss; with kNN validation.
_base_ = [
    'mmpretrain::densecl/densecl_resnet50_8xb32-coslr-200e_in1k.py',
    './_base_/imagenet_knn.py',
    './_base_/runtime.py',
]
model = dict(head=dict(_delete_=True, type='mmdcl.DCLHead', temperature=0.2))
train_dataloader = dict(
    dataset=dict(
        type='mmdcl.ImageNet',
        metainfo=dict(classes=None),  # any folders: labels serve kNN alone
    ),
)
train_cfg = dict(val_interval=10)
