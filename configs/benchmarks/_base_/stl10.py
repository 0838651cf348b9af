# In what STL-10 differs from CIFAR-10: 96 px, and mean and std of ImageNet,
# from which its images are. A config takes it out of its base.
stl10 = dict(
    preprocessor=dict(
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]
    ),
    train=dict(
        type='mmdcl.STL10',
        data_root='data/stl10',
        pipeline=[
            dict(type='mmdcl.ChannelOrder', order='rgb'),
            dict(type='RandomResizedCrop', scale=96),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackInputs'),
        ],
    ),
    test=dict(
        type='mmdcl.STL10',
        data_root='data/stl10',
        pipeline=[
            dict(type='mmdcl.ChannelOrder', order='rgb'),
            dict(type='Resize', scale=(96, 96)),
            dict(type='PackInputs'),
        ],
    ),
)
