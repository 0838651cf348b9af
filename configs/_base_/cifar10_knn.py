# CIFAR-10: two views to train on, plain images for kNN. The network sees RGB:
# so come the images of mmdcl.CIFAR10, and those from files are turned around.
data_preprocessor = dict(
    type='mmdcl.ViewDataPreprocessor',
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
)
rgb = dict(type='mmdcl.ChannelOrder', order='rgb')
view_pipeline = [
    dict(type='RandomResizedCrop', scale=32, crop_ratio_range=(0.2, 1.0)),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomApply',
        transforms=[
            dict(
                type='ColorJitter',
                brightness=0.4,
                contrast=0.4,
                saturation=0.4,
                hue=0.1,
            )
        ],
        prob=0.8,
    ),
    dict(
        type='RandomGrayscale',
        prob=0.2,
        keep_channels=True,
        channel_weights=(0.2989, 0.587, 0.114),
    ),
]
train_dataloader = dict(
    batch_size=256,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmdcl.CIFAR10',
        data_root='data/cifar10',
        split='train',
        pipeline=[
            rgb,
            dict(type='MultiView', num_views=2, transforms=[view_pipeline]),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=512,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmdcl.CIFAR10',
        data_root='data/cifar10',
        split='test',
        # Size and order matter to images that mmpretrain's inferencers read.
        pipeline=[
            rgb,
            dict(type='Resize', scale=(32, 32)),
            dict(type='PackInputs'),
        ],
    ),
)
val_evaluator = dict(type='Accuracy', topk=1)
val_cfg = dict(type='mmdcl.KNNValLoop', k=200, temperature=0.1)

test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='mmdcl.KNNTestLoop', k=(20, 200), temperature=0.1)
