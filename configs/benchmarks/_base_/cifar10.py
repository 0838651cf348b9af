# CIFAR-10 with labels: crops and flips to train on, plain images to test on.
# No validation: the last epoch is tested, and nothing is chosen by it.
data_preprocessor = dict(
    num_classes=10,
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
    to_rgb=False,  # images are RGB already
)
rgb = dict(type='mmdcl.ChannelOrder', order='rgb')
train_dataloader = dict(
    batch_size=256,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mmdcl.CIFAR10',
        data_root='data/cifar10',
        split='train',
        pipeline=[
            rgb,
            dict(type='RandomCrop', crop_size=32, padding=4),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackInputs'),
        ],
    ),
)
test_dataloader = dict(
    batch_size=500,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
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
test_evaluator = dict(type='Accuracy', topk=(1, 5))
test_cfg = dict()
