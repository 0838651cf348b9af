# SimCLR with the decoupled contrastive loss, CIFAR-100 at CPU size.
_base_ = './simclr_slimr18_1xb32_cifar100.py'

model = dict(head=dict(type='mmdcl.DCLHead'))
