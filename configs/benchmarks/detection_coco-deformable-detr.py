# Deformable DETR R50 on COCO, 50 epochs, 16 GPUs x 2 images: mmdet's recipe,
# with all layers of the backbone trained, at a tenth of the learning rate.
_base_ = 'mmdet::deformable_detr/deformable-detr_r50_16xb2-50e_coco.py'

# Weights come by mmdcl.PretrainedBackboneHook, all of them or none.
model = dict(
    backbone=dict(
        frozen_stages=-1,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        norm_eval=False,
        init_cfg=None,
    )
)
train_cfg = dict(type='mmdcl.ExactTrainLoop')
default_hooks = dict(checkpoint=dict(type='mmdcl.AtomicCheckpointHook'))
custom_imports = dict(
    imports=['mmdcl.downstream.with_operators'], allow_failed_imports=False
)
