# DCL of a ViT-S/16, ImageNet-1K, 8 GPUs x 64 images, 300 epochs: views,
# network, AdamW and schedule of MoCo v3 in mmpretrain, and its learning rate,
# for this batch. Positions and the patch embedding are not trained, as there.
_base_ = [
    'mmpretrain::mocov3/mocov3_vit-small-p16_16xb256-amp-coslr-300e_in1k.py',
    './_base_/imagenet_knn.py',
    './_base_/runtime.py',
]

model = dict(
    _delete_=True,
    type='mmdcl.SimCLR',
    backbone=_base_.model.backbone,
    neck=dict(
        type='NonLinearNeck',
        in_channels=384,
        hid_channels=2048,
        out_channels=128,
        with_avg_pool=False,
    ),
    head=dict(type='mmdcl.DCLHead', temperature=0.1),
)
data_preprocessor = dict(type='mmdcl.ViewDataPreprocessor')
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        type='mmdcl.ImageNet',
        metainfo=dict(classes=None),  # any folders: labels serve kNN alone
        pipeline=[
            dict(type='mmdcl.LoadImageFromFile'),
            *_base_.train_pipeline[1:],
        ],
    ),
)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-4, weight_decay=0.1),
)
train_cfg = dict(type='mmdcl.ExactTrainLoop', val_interval=10)
default_hooks = dict(
    checkpoint=dict(type='mmdcl.AtomicCheckpointHook', interval=10)
)
auto_scale_lr = dict(base_batch_size=512)
