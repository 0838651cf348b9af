# simclr_conv4_1xb32_cifar100 with the warm-up of upstream's SimCLR, 10 epochs.
_base_ = __import__('mmdcl').config_path('simclr_conv4_1xb32_cifar100')

param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-4,
        by_epoch=True,
        begin=0,
        end=10,
        convert_to_iter_based=True,
    ),
    dict(_base_.param_scheduler[0], T_max=50, begin=10),
]
