# Mask R-CNN R50-FPN on COCO, 12 epochs, all layers trained with SyncBN:
# mmpretrain's protocol.
_base_ = 'mmpretrain::byol/benchmarks/mask-rcnn_r50_fpn_ms-1x_coco.py'

# Weights come by mmdcl.PretrainedBackboneHook, all of them or none.
model = dict(backbone=dict(init_cfg=None))
train_cfg = dict(type='mmdcl.ExactTrainLoop')
default_hooks = dict(checkpoint=dict(type='mmdcl.AtomicCheckpointHook'))
custom_imports = dict(
    imports=['mmdcl.downstream.with_operators'], allow_failed_imports=False
)
