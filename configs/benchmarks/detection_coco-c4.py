# Mask R-CNN R50-C4 on COCO, 12 epochs, all layers trained with SyncBN, a norm
# after layer4: MoCo's recipe, in mmpretrain's protocol.
_base_ = 'mmpretrain::byol/benchmarks/mask-rcnn_r50-c4_ms-1x_coco.py'

# Weights come by mmdcl.PretrainedBackboneHook, layer4 into the shared head.
model = dict(
    backbone=dict(init_cfg=None),
    roi_head=dict(shared_head=dict(init_cfg=None)),
)
train_cfg = dict(type='mmdcl.ExactTrainLoop')
default_hooks = dict(checkpoint=dict(type='mmdcl.AtomicCheckpointHook'))
custom_imports = dict(
    imports=[
        'mmdcl.downstream.with_operators',
        'mmpretrain.models.utils.res_layer_extra_norm',
    ],
    allow_failed_imports=False,
)
