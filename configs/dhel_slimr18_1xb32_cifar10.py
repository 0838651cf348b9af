# SimCLR with DHEL (negatives of one view), CIFAR-10 at CPU size.
_base_ = './simclr_slimr18_1xb32_cifar10.py'

model = dict(head=dict(type='mmdcl.DHELHead'))
