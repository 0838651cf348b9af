# DCL of a Swin-T, ImageNet-1K, recipe of the ViT beside it.
_base_ = './dcl_vit-small-p16_8xb64.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='SwinTransformer',
        arch='tiny',
        img_size=224,
        drop_path_rate=0.1,
    ),
    neck=dict(in_channels=768, with_avg_pool=True),
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
find_unused_parameters = False
