# NNCLR (InfoNCE), CIFAR-100, four convolutions, recipe of SimCLR beside it.
_base_ = ['./simclr_conv4_1xb32_cifar100.py', './_base_/nnclr.py']

model = dict(
    type='mmdcl.NNCLR',
    neck=dict(num_layers=3),
    predictor=dict(
        _base_.pop('predictor'),
        in_channels=128,
        hid_channels=256,
        out_channels=128,
    ),
    # As of nnclr_slimr18_1xb32_cifar10, for as many images.
    support_set=dict(size=4096, dim=128),
)
