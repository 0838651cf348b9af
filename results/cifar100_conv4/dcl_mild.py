# SimCLR with the decoupled contrastive loss, views of simclr_mild.py.
_base_ = './simclr_mild.py'

model = dict(head=dict(type='mmdcl.DCLHead'))
