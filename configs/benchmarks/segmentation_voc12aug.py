# FCN R50-D8 on VOC 2012 with extra annotations, 20k iterations of 4 GPUs x 4
# images, all layers trained with SyncBN.
# `mmseg::` is not found where the package is called onedl-mmsegmentation.
_base_ = (
    __import__('mmseg').__path__[0]
    + '/.mim/configs/fcn/fcn_r50-d8_4xb4-20k_voc12aug-512x512.py'
)

# Weights come by mmdcl.PretrainedBackboneHook, all of them or none. The base
# has another stem (ResNetV1c).
model = dict(pretrained=None, backbone=dict(type='ResNet'))
train_cfg = dict(type='mmdcl.ExactIterTrainLoop')
default_hooks = dict(checkpoint=dict(type='mmdcl.AtomicCheckpointHook'))
custom_imports = dict(
    imports=['mmdcl.downstream.with_operators'], allow_failed_imports=False
)
