# NNCLR (InfoNCE) at a size for one CPU core, recipe of SimCLR beside it.
_base_ = ['./simclr_slimr18_1xb32_cifar10.py', './_base_/nnclr.py']

model = dict(
    type='mmdcl.NNCLR',
    neck=dict(num_layers=3),
    predictor=dict(
        _base_.pop('predictor'),
        in_channels=64,
        hid_channels=256,
        out_channels=64,
    ),
    # See results/README.md, cifar10_slim_support_set.
    support_set=dict(size=4096, dim=64),
)
