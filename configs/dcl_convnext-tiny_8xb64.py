# DCL of a ConvNeXt-T, ImageNet-1K, recipe of the ViT beside it.
_base_ = './dcl_vit-small-p16_8xb64.py'

model = dict(
    # Averages before its last norm: one vector an image.
    backbone=dict(
        _delete_=True, type='ConvNeXt', arch='tiny', drop_path_rate=0.1
    ),
    neck=dict(in_channels=768),
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.05))
find_unused_parameters = False
