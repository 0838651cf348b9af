# kNN validation on ImageNet-1K beside any pretraining of mmpretrain.
val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmdcl.ImageNet',
        metainfo=dict(classes=None),  # any folders: labels serve kNN alone
        data_root='data/imagenet',
        split='val',
        pipeline=[
            dict(type='mmdcl.LoadImageFromFile'),
            dict(type='ResizeEdge', scale=256, edge='short'),
            dict(type='CenterCrop', crop_size=224),
            dict(type='PackInputs'),
        ],
    ),
)
val_evaluator = dict(type='Accuracy', topk=1)
val_cfg = dict(type='mmdcl.KNNValLoop', k=20, temperature=0.07)

test_dataloader = val_dataloader
test_evaluator = val_evaluator
test_cfg = dict(type='mmdcl.KNNTestLoop', k=(10, 20, 100, 200))
