# Linear classifier on frozen features, STL-10; recipe for CIFAR-10.
_base_ = ['./linear_cifar10.py', './_base_/stl10.py']

model = dict(backbone=dict(type='ResNet'))
data_preprocessor = _base_.stl10.preprocessor
train_dataloader = dict(dataset=_base_.stl10.train)
test_dataloader = dict(dataset=_base_.pop('stl10').test)
