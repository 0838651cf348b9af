# NNCLR (InfoNCE), CIFAR-10, recipe of SimCLR beside it; widths of the paper.
_base_ = './simclr_resnet18_1xb256_cifar10.py'

model = dict(
    type='mmdcl.NNCLR',
    neck=dict(hid_channels=2048, out_channels=256, num_layers=3),
    predictor=dict(
        type='NonLinearNeck',
        in_channels=256,
        hid_channels=4096,
        out_channels=256,
        num_layers=2,
        with_last_bn=False,
        with_last_bias=True,
        with_avg_pool=False,
    ),
    # See results/README.md, cifar10_slim_support_set.
    support_set=dict(size=16384, dim=256),
)
