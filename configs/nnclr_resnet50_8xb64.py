# NNCLR (InfoNCE), ImageNet-1K, 8 GPUs x 64 images, 400 epochs: the batch and
# length of NNCLR + DCL in the DCL paper; views of BYOL, LARS, warm-up, widths
# and support set of the NNCLR paper (arXiv 2104.14548).
_base_ = [
    'mmpretrain::byol/byol_resnet50_16xb256-coslr-200e_in1k.py',
    './_base_/imagenet_knn.py',
    './_base_/runtime.py',
    './_base_/cosine.py',
    './_base_/nnclr.py',
]

model = dict(
    _delete_=True,
    type='mmdcl.NNCLR',
    backbone=dict(type='ResNet', depth=50, norm_cfg=dict(type='SyncBN')),
    neck=dict(
        type='NonLinearNeck',
        in_channels=2048,
        hid_channels=2048,
        out_channels=256,
        num_layers=3,
    ),
    predictor=_base_.pop('predictor'),
    support_set=dict(size=98304, dim=256),
    head=dict(type='mmdcl.InfoNCEHead', temperature=0.1),
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
    optimizer=dict(type='mmdcl.LARS', lr=0.6),  # 0.3 x 512 / 256
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-4,
        by_epoch=True,
        begin=0,
        end=10,
        convert_to_iter_based=True,
    ),
    dict(_base_.pop('cosine'), T_max=390, begin=10, end=400),
]
train_cfg = dict(type='mmdcl.ExactTrainLoop', max_epochs=400, val_interval=10)
default_hooks = dict(
    checkpoint=dict(type='mmdcl.AtomicCheckpointHook', interval=10)
)
auto_scale_lr = dict(base_batch_size=512)
