# MoCo v3 of mmpretrain with DCL at a size for one CPU core: the small vision
# transformer, images and schedule of the base, neck and predictor as for
# upstream's ViT-S. Not tuned.
_base_ = './dcl_vit-tiny-p4_1xb64_cifar10.py'

narrow = dict(
    type='NonLinearNeck',
    hid_channels=256,
    out_channels=64,
    with_bias=False,
    with_last_bn=True,
    with_last_bn_affine=False,
    with_last_bias=False,
    with_avg_pool=False,
)
model = dict(
    _delete_=True,
    type='MoCoV3',
    base_momentum=0.01,
    backbone=_base_.model.backbone,
    neck=dict(**narrow, in_channels=64, num_layers=3),
    head=dict(
        type='MoCoV3Head',
        predictor=dict(**narrow, in_channels=64, num_layers=2),
        loss=dict(type='mmdcl.DecoupledCrossEntropyLoss', loss_weight=0.4),
        temperature=0.2,
    ),
)
