# simclr_conv4_1xb32_cifar100 with half of its colour jitter and no grey.
_base_ = __import__('mmdcl').config_path('simclr_conv4_1xb32_cifar100')

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            _base_.rgb,
            dict(
                type='MultiView',
                num_views=2,
                transforms=[
                    [
                        *_base_.view_pipeline[:2],
                        dict(
                            type='RandomApply',
                            transforms=[
                                dict(
                                    type='ColorJitter',
                                    brightness=0.2,
                                    contrast=0.2,
                                    saturation=0.2,
                                    hue=0.05,
                                )
                            ],
                            prob=0.8,
                        ),
                    ]
                ],
            ),
            dict(type='PackInputs'),
        ]
    )
)
