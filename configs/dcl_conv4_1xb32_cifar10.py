# SimCLR with the decoupled contrastive loss, CIFAR-10, four convolutions.
_base_ = './simclr_conv4_1xb32_cifar10.py'

model = dict(head=dict(type='mmdcl.DCLHead'))
