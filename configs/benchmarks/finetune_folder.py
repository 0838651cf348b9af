# All layers trained on folders of classes, from the pretrained backbone. The
# learning rate is that of ImageNet here; not tuned.
_base_ = './linear_folder.py'

model = dict(backbone=dict(frozen_stages=-1))
optim_wrapper = dict(
    optimizer=dict(lr=0.01, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'head': dict(lr_mult=10.0)}),
)
