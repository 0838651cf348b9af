# SimCLR (InfoNCE) with multi-crop at a size for one CPU core: to the two views
# of the base come four small crops of half their side.
_base_ = ['./simclr_slimr18_1xb32_cifar10.py', './_base_/small_crop.py']

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            _base_.rgb,
            dict(
                type='MultiView',
                num_views=[2, 4],
                transforms=[
                    _base_.view_pipeline,
                    [_base_.pop('small_crop'), *_base_.view_pipeline[1:]],
                ],
            ),
            dict(type='PackInputs'),
        ],
    ),
)
