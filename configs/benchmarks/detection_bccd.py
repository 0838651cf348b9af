# Faster R-CNN R18-FPN on BCCD (blood cells, 292 + 72 images, VOC layout) at a
# size for one CPU core: 320 x 240, slim FPN, 150 iterations of 4 images, the
# widths of the pretrained network.
_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'

model = dict(
    backbone=dict(depth=18, frozen_stages=-1, norm_eval=False, init_cfg=None),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=64),
    rpn_head=dict(
        in_channels=64,
        feat_channels=64,
        anchor_generator=dict(scales=[4]),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=64),
        bbox_head=dict(in_channels=64, fc_out_channels=256, num_classes=3),
    ),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(320, 240), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(320, 240), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=(
            'img_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
            'instances',
        ),
    ),
]
dataset = dict(
    _delete_=True,
    type='XMLDataset',
    metainfo=dict(classes=('RBC', 'WBC', 'Platelets')),
    data_root='data/BCCD',
    data_prefix=dict(sub_data_root=''),
)
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(_delete_=True, type='InfiniteSampler', shuffle=True),
    dataset=dict(
        **dataset,
        ann_file='ImageSets/Main/trainval.txt',
        # Two boxes have no area, which makes the loss NaN.
        filter_cfg=dict(filter_empty_gt=True, bbox_min_size=2),
        pipeline=train_pipeline,
    ),
)
# No validation: the last iteration is tested, and nothing is chosen by it.
val_dataloader = None
val_evaluator = None
val_cfg = None
test_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        **dataset,
        ann_file='ImageSets/Main/test.txt',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_evaluator = dict(ann_file=None)  # the boxes that the dataset has
train_cfg = dict(_delete_=True, type='mmdcl.ExactIterTrainLoop', max_iters=150)
optim_wrapper = dict(optimizer=dict(lr=0.01), clip_grad=dict(max_norm=10))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(
        type='CosineAnnealingLR',
        by_epoch=False,
        T_max=120,
        begin=30,
        end=150,
    ),
]
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(
        type='mmdcl.AtomicCheckpointHook', by_epoch=False, interval=150
    ),
)
log_processor = dict(by_epoch=False)
custom_imports = dict(
    imports=['mmdcl.downstream.with_operators'], allow_failed_imports=False
)
