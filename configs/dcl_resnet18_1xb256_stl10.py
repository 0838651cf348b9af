# SimCLR with the decoupled contrastive loss on the 100,000 unlabelled images
# of STL-10, 96 px; kNN with its training images as bank. Recipe of CIFAR-10,
# not tuned; mean and std are those of ImageNet, from which the images are.
_base_ = './dcl_resnet18_1xb256_cifar10.py'

data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]
)
model = dict(backbone=dict(type='ResNet'))
plain_pipeline = [
    dict(type='mmdcl.ChannelOrder', order='rgb'),
    dict(type='Resize', scale=(96, 96)),
    dict(type='PackInputs'),
]
view_pipeline = [
    dict(_base_.view_pipeline[0], scale=96),
    *_base_.view_pipeline[1:],
]
stl10 = dict(
    type='mmdcl.STL10',
    data_root='data/stl10',
    pipeline=plain_pipeline,
)
bank = dict(
    batch_size=512,
    num_workers=2,
    dataset=dict(stl10, split='train'),
)
train_dataloader = dict(
    dataset=dict(
        stl10,
        split='unlabeled',
        pipeline=[
            plain_pipeline[0],
            dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
            plain_pipeline[-1],
        ],
    ),
)
val_dataloader = dict(dataset=dict(stl10))
test_dataloader = dict(dataset=dict(stl10))
val_cfg = dict(bank_dataloader=bank)
test_cfg = dict(bank_dataloader=bank)
