# NNCLR with the decoupled contrastive loss.
_base_ = './nnclr_resnet50_8xb64.py'

model = dict(head=dict(type='mmdcl.DCLHead'))
