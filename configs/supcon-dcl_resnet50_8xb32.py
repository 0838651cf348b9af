# Contrast of classes with the decoupled contrastive loss, ImageNet-1K.
_base_ = './dcl_resnet50_8xb32.py'

model = dict(type='mmdcl.SupCon')
