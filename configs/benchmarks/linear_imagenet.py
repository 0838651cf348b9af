# Linear classifier on frozen features, ImageNet-1K: mmpretrain's protocol,
# LARS lr 1.6 for 8 GPUs x 512 images, 90 epochs.
_base_ = (
    'mmpretrain::simclr/benchmarks/resnet50_8xb512-linear-coslr-90e_in1k.py'
)

# Weights come by mmdcl.PretrainedBackboneHook, all of them or none.
model = dict(backbone=dict(init_cfg=None))
train_cfg = dict(type='mmdcl.ExactTrainLoop')
default_hooks = dict(checkpoint=dict(type='mmdcl.AtomicCheckpointHook'))
train_dataloader = dict(dataset=dict(type='mmdcl.ImageNet'))
val_dataloader = dict(dataset=dict(type='mmdcl.ImageNet'))
test_dataloader = val_dataloader
