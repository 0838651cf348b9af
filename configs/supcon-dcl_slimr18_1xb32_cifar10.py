# Contrast of classes with the decoupled contrastive loss, CIFAR-10, one core.
_base_ = './dcl_slimr18_1xb32_cifar10.py'

model = dict(type='mmdcl.SupCon', head=dict(temperature=0.2))
