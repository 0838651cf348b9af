# NNCLR (InfoNCE) at a size for one CPU core, recipe of SimCLR beside it.
_base_ = './simclr_slimr18_1xb32_cifar10.py'

model = dict(
    type='mmdcl.NNCLR',
    neck=dict(num_layers=3),
    predictor=dict(
        type='NonLinearNeck',
        in_channels=64,
        hid_channels=256,
        out_channels=64,
        num_layers=2,
        with_last_bn=False,
        with_last_bias=True,
        with_avg_pool=False,
    ),
    # See results/README.md, cifar10_slim_support_set.
    support_set=dict(size=4096, dim=64),
)
