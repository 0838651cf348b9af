# All layers trained on all labels of ImageNet-1K, from a pretrained backbone.
_base_ = 'mmpretrain::resnet/resnet50_8xb32_in1k.py'

model = dict(backbone=dict(init_cfg=None))
optim_wrapper = dict(
    optimizer=dict(lr=0.01),
    paramwise_cfg=dict(custom_keys={'head': dict(lr_mult=100.0)}),
)
param_scheduler = dict(
    _delete_=True,
    type='CosineAnnealingLR',
    T_max=20,
    by_epoch=True,
    begin=0,
    end=20,
    convert_to_iter_based=True,
)
train_cfg = dict(
    _delete_=True,
    type='mmdcl.ExactTrainLoop',
    max_epochs=20,
    val_interval=20,
)
default_hooks = dict(checkpoint=dict(type='mmdcl.AtomicCheckpointHook'))
train_dataloader = dict(dataset=dict(type='mmdcl.ImageNet'))
val_dataloader = dict(dataset=dict(type='mmdcl.ImageNet'))
test_dataloader = val_dataloader
