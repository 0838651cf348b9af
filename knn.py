default_scope = 'mmpretrain'
model = dict(
    backbone=dict(depth=50, type='ResNet'),
    head=dict(in_channels=2048, num_classes=10, type='LinearClsHead'),
    neck=dict(type='GlobalAveragePooling'),
    type='ImageClassifier',
)
optim_wrapper = dict(optimizer=dict(lr=0.1, type='SGD'))
test_cfg = dict(k=5, type='mmdcl.KNNTestLoop')
test_dataloader = dict(
    batch_size=64,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        indices=64,
        pipeline=[
            dict(
                scale=(
                    16,
                    16,
                ),
                type='Resize',
            ),
            dict(type='PackInputs'),
        ],
        serialize_data=False,
        split='test',
        type='mmdcl.Digits',
    ),
    drop_last=False,
    num_workers=0,
    sampler=dict(shuffle=False, type='DefaultSampler'),
)
test_evaluator = dict(type='Accuracy')
train_cfg = dict(by_epoch=True, max_epochs=1)
train_dataloader = dict(
    batch_size=64,
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        indices=64,
        pipeline=[
            dict(
                scale=(
                    16,
                    16,
                ),
                type='Resize',
            ),
            dict(type='PackInputs'),
        ],
        serialize_data=False,
        split='train',
        type='mmdcl.Digits',
    ),
    drop_last=True,
    num_workers=0,
    sampler=dict(shuffle=True, type='DefaultSampler'),
)
