# SimCLR with weighted decoupled contrastive loss, CIFAR-100, small network.
_base_ = './simclr_conv4_1xb32_cifar100.py'

model = dict(head=dict(type='mmdcl.DCLWHead'))
