# NNCLR (InfoNCE), CIFAR-10, recipe of SimCLR beside it; widths of the paper.
_base_ = ['./simclr_resnet18_1xb256_cifar10.py', './_base_/nnclr.py']

model = dict(
    type='mmdcl.NNCLR',
    neck=dict(hid_channels=2048, out_channels=256, num_layers=3),
    predictor=_base_.pop('predictor'),
    # See results/README.md, cifar10_slim_support_set.
    support_set=dict(size=16384, dim=256),
)
