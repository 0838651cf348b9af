# PASCAL VOC 2007 for classification, several labels an image: trainval to
# train on, plain images, as VISSL resizes them (to squares).
data_preprocessor = dict(
    num_classes=20,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mmdcl.VOC',
        data_root='data/VOCdevkit/VOC2007',
        split='trainval',
        pipeline=[
            dict(type='mmdcl.LoadImageFromFile'),
            dict(type='ResizeEdge', scale=256, edge='short'),
            dict(type='Resize', scale=(224, 224)),
            dict(type='PackInputs'),
        ],
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mmdcl.VOC',
        data_root='data/VOCdevkit/VOC2007',
        split='test',
        pipeline=train_dataloader['dataset']['pipeline'],
    ),
)
