# NNCLR with the decoupled contrastive loss, CIFAR-10.
_base_ = './nnclr_resnet18_1xb256_cifar10.py'

model = dict(head=dict(type='mmdcl.DCLHead'))
