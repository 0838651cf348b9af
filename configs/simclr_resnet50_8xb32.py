# SimCLR (InfoNCE), ImageNet-1K, 8 GPUs x 32 images, 200 epochs: upstream's
# recipe, with gradients that are exact over GPUs and kNN validation.
_base_ = [
    'mmpretrain::simclr/simclr_resnet50_8xb32-coslr-200e_in1k.py',
    './_base_/imagenet_knn.py',
    './_base_/runtime.py',
]

model = dict(
    type='mmdcl.SimCLR',
    head=dict(_delete_=True, type='mmdcl.InfoNCEHead', temperature=0.1),
)
data_preprocessor = dict(type='mmdcl.ViewDataPreprocessor')
optim_wrapper = dict(optimizer=dict(type='mmdcl.LARS'))
train_dataloader = dict(
    dataset=dict(
        type='mmdcl.ImageNet',
        metainfo=dict(classes=None),  # any folders: labels serve kNN alone
        pipeline=[
            dict(type='mmdcl.LoadImageFromFile'),
            *_base_.train_pipeline[1:],
        ],
    ),
)
train_cfg = dict(type='mmdcl.ExactTrainLoop', val_interval=10)
default_hooks = dict(checkpoint=dict(type='mmdcl.AtomicCheckpointHook'))
