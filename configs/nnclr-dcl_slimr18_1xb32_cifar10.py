# NNCLR with the decoupled contrastive loss, CIFAR-10 at CPU size.
_base_ = './nnclr_slimr18_1xb32_cifar10.py'

model = dict(head=dict(type='mmdcl.DCLHead'))
