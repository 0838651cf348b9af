# What the classifier of cross-entropy.py says itself, for `mmdcl test`.
_base_ = './cross-entropy.py'

test_cfg = dict(_delete_=True)
