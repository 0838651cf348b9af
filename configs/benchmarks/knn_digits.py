# Weighted kNN on frozen features, handwritten digits.
_base_ = ['./knn_cifar10.py', './_base_/digits.py']

data_preprocessor = _base_.digits.preprocessor
train_dataloader = _base_.digits.train
test_dataloader = _base_.pop('digits').test
test_cfg = dict(k=(1, 20))
