# SimCLR (InfoNCE) at a size for one CPU core: a ResNet-18 of a quarter of the
# width with the ImageNet stem, 10,000 of CIFAR-10's training images, batch 32.
# Validation, for choosing hyper-parameters, is on 5,000 other training images;
# the test split is for tools/test.py alone.
_base_ = './simclr_resnet18_1xb256_cifar10.py'

model = dict(
    backbone=dict(type='ResNet', stem_channels=16, base_channels=16),
    neck=dict(in_channels=128, hid_channels=128, out_channels=64),
)
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(part=(0, 5)),
)
val_dataloader = dict(num_workers=0, dataset=dict(split='train', part=(1, 10)))
test_dataloader = dict(num_workers=0)
optim_wrapper = dict(optimizer=dict(lr=0.015))
param_scheduler = [dict(_base_.param_scheduler[0], T_max=8, end=8)]
train_cfg = dict(max_epochs=8, val_interval=8)
auto_scale_lr = dict(base_batch_size=32)
custom_hooks = [
    *_base_.custom_hooks[:-1],
    dict(type='mmdcl.ProgressHook', val_before_train=True),
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))
