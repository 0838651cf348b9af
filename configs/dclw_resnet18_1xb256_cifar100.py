# SimCLR with the weighted decoupled contrastive loss, CIFAR-100.
_base_ = './simclr_resnet18_1xb256_cifar100.py'

model = dict(head=dict(type='mmdcl.DCLWHead', sigma=0.5))
