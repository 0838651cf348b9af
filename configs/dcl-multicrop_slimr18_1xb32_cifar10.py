# SimCLR with multi-crop and the decoupled contrastive loss, at CPU size.
_base_ = './simclr-multicrop_slimr18_1xb32_cifar10.py'

model = dict(head=dict(type='mmdcl.DCLHead'))
