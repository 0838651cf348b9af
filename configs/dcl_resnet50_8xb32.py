# SimCLR with the decoupled contrastive loss.
_base_ = './simclr_resnet50_8xb32.py'

model = dict(head=dict(type='mmdcl.DCLHead'))
