# NNCLR with the decoupled contrastive loss, CIFAR-100, four convolutions.
_base_ = './nnclr_conv4_1xb32_cifar100.py'

model = dict(head=dict(type='mmdcl.DCLHead'))
