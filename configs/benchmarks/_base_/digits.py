# In what scikit-learn's handwritten digits, with labels, differ from CIFAR-10:
# there is nothing to load, and small shifts in place of crops and flips. A
# config takes it out of its base.
digits = dict(
    preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
    train=dict(
        batch_size=128,
        num_workers=0,
        persistent_workers=False,
        dataset=dict(
            _delete_=True,
            type='mmdcl.Digits',
            split='train',
            pipeline=[
                dict(type='Resize', scale=(16, 16)),
                dict(type='RandomCrop', crop_size=16, padding=1),
                dict(type='PackInputs'),
            ],
        ),
    ),
    test=dict(
        num_workers=0,
        dataset=dict(
            _delete_=True,
            type='mmdcl.Digits',
            split='test',
            pipeline=[
                dict(type='Resize', scale=(16, 16)),
                dict(type='PackInputs'),
            ],
        ),
    ),
)
