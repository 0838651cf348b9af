# SimCLR with the weighted decoupled contrastive loss, rates of
# simclr_warmup.py.
_base_ = './simclr_warmup.py'

model = dict(head=dict(type='mmdcl.DCLWHead'))
