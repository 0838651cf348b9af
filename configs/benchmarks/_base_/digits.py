# scikit-learn's handwritten digits with labels, as the demo sees them: small
# shifts to train on, plain images to test on. Nothing to download.
# No validation: the last epoch is tested, and nothing is chosen by it.
data_preprocessor = dict(
    num_classes=10, mean=[127.5] * 3, std=[127.5] * 3, to_rgb=False
)
train_dataloader = dict(
    batch_size=128,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mmdcl.Digits',
        split='train',
        pipeline=[
            dict(type='Resize', scale=(16, 16)),
            dict(type='RandomCrop', crop_size=16, padding=1),
            dict(type='PackInputs'),
        ],
    ),
)
test_dataloader = dict(
    batch_size=359,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mmdcl.Digits',
        split='test',
        pipeline=[
            dict(type='Resize', scale=(16, 16)),
            dict(type='PackInputs'),
        ],
    ),
)
test_evaluator = dict(type='Accuracy', topk=1)
test_cfg = dict()
