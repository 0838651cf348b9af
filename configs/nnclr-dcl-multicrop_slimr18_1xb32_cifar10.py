# NNCLR with multi-crop and the decoupled contrastive loss, at CPU size: the
# neighbours of the two views, also against predictions of four small crops.
_base_ = ['./nnclr-dcl_slimr18_1xb32_cifar10.py', './_base_/small_crop.py']

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
