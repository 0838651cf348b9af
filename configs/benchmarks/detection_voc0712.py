# Faster R-CNN R50-C4 on VOC07+12, 24k iterations, all layers trained with
# SyncBN, a norm after layer4: MoCo's recipe, 8 GPUs x 2 images. AP is the mean
# over IoU 0.5 to 0.95 on VOC07 test.
_base_ = 'mmdet::pascal_voc/faster-rcnn_r50-caffe-c4_ms-18k_voc0712.py'

norm_cfg = dict(type='SyncBN', requires_grad=True)
# Weights come by mmdcl.PretrainedBackboneHook, layer4 into the shared head.
model = dict(
    # Here and not at top level, where the base's would win unseen.
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        frozen_stages=-1,
        norm_cfg=norm_cfg,
        norm_eval=False,
        style='pytorch',
        init_cfg=None,
    ),
    roi_head=dict(
        shared_head=dict(
            type='ResLayerExtraNorm',
            norm_cfg=norm_cfg,
            norm_eval=False,
            style='pytorch',
            init_cfg=None,
        )
    ),
)
train_cfg = dict(type='mmdcl.ExactIterTrainLoop', max_iters=24000)
default_hooks = dict(checkpoint=dict(type='mmdcl.AtomicCheckpointHook'))
param_scheduler = [
    dict(
        type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=100
    ),
    dict(
        type='MultiStepLR',
        by_epoch=False,
        begin=0,
        end=24000,
        milestones=[18000, 22000],
        gamma=0.1,
    ),
]
val_evaluator = dict(iou_thrs=[0.5 + 0.05 * i for i in range(10)])
test_evaluator = val_evaluator
custom_imports = dict(
    imports=[
        'mmdcl.downstream.with_operators',
        'mmpretrain.models.utils.res_layer_extra_norm',
    ],
    allow_failed_imports=False,
)
