# Linear SVMs on 1 to 96 positives of each class, VOC07: five draws each.
_base_ = './svm_voc07.py'

test_cfg = dict(_delete_=True, type='mmdcl.LowShotTestLoop', samples=5)
