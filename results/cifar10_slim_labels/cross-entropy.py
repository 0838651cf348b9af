# Cross-entropy on the images, crops and steps of the others: one crop of an
# image instead of two, and so twice the images a step and twice the epochs.
_base_ = '../../configs/dcl_slimr18_1xb32_cifar10.py'

model = dict(
    _delete_=True,
    type='ImageClassifier',
    backbone=_base_.model.backbone,
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=128,
        loss=dict(type='CrossEntropyLoss'),
    ),
)
data_preprocessor = dict(
    _delete_=True,
    num_classes=10,
    mean=_base_.data_preprocessor.mean,
    std=_base_.data_preprocessor.std,
)
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        pipeline=[
            _base_.rgb,
            *_base_.view_pipeline,
            dict(type='PackInputs'),
        ]
    ),
)
param_scheduler = [dict(_base_.param_scheduler[0], T_max=16, end=16)]
train_cfg = dict(max_epochs=16, val_interval=16)
auto_scale_lr = dict(base_batch_size=64)
