# DCL on anyone's images, on one GPU: a folder of any depth, a list or a table,
# by --data-root. Labels, if there are any, serve kNN alone; without them
# `mmdcl train` leaves the validation out.
_base_ = './dcl_resnet50_8xb32.py'

train_dataloader = dict(
    batch_size=64,
    drop_last=True,
    dataset=dict(
        _delete_=True,
        type='mmdcl.Images',
        data_root='data/images',
        pipeline=_base_.train_dataloader.dataset.pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmdcl.Images',
        data_root='data/images',
        split='val',
        pipeline=_base_.val_dataloader.dataset.pipeline,
    ),
)
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=0.075))
auto_scale_lr = dict(base_batch_size=64)
# What cannot be read is named before the first step, not at an epoch's end.
custom_hooks = [
    *_base_.custom_hooks[:-1],
    dict(type='mmdcl.ProgressHook', val_before_train=True),
]
