# Linear classifier on frozen features, handwritten digits: seconds. Recipe for
# CIFAR-10.
_base_ = ['./linear_cifar10.py', './_base_/digits.py']

data_preprocessor = _base_.digits.preprocessor
train_dataloader = _base_.digits.train
test_dataloader = _base_.pop('digits').test
test_evaluator = dict(topk=1)
default_hooks = dict(logger=dict(interval=12))
