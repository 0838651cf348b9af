# DCL of a small vision transformer at a size for one CPU core: 4 layers of 64
# channels, patches of 4 px; images, views and kNN as in the base. Positions
# and the patch embedding are not trained, as in MoCo v3's ViT. Learning rate
# and length were not tuned.
_base_ = './dcl_slimr18_1xb32_cifar10.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='MoCoV3ViT',
        arch=dict(
            embed_dims=64,
            num_layers=4,
            num_heads=2,
            feedforward_channels=256,
        ),
        img_size=32,
        patch_size=4,
        stop_grad_conv1=True,
    ),
    neck=dict(in_channels=64, hid_channels=256, with_avg_pool=False),
)
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=5e-4, weight_decay=0.05)
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-4,
        by_epoch=True,
        begin=0,
        end=1,
        convert_to_iter_based=True,
    ),
    dict(_base_.param_scheduler[0], T_max=7, begin=1),
]
auto_scale_lr = dict(base_batch_size=64)
find_unused_parameters = True  # positions, which DDP expects to be trained
