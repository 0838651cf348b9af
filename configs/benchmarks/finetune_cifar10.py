# All layers trained on all labels of CIFAR-10, from the pretrained backbone.
_base_ = './linear_cifar10.py'

model = dict(backbone=dict(frozen_stages=-1))
optim_wrapper = dict(
    optimizer=dict(lr=0.05, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys={'head': dict(lr_mult=10.0)}),
)
param_scheduler = dict(T_max=20, end=20)
train_cfg = dict(max_epochs=20)
