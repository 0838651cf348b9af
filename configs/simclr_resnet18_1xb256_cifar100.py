# SimCLR (InfoNCE), CIFAR-100, with the recipe for CIFAR-10.
_base_ = ['./simclr_resnet18_1xb256_cifar10.py', './_base_/cifar100.py']

data_preprocessor = _base_.cifar100.preprocessor
train_dataloader = dict(dataset=_base_.cifar100.dataset)
val_dataloader = dict(dataset=_base_.cifar100.dataset)
test_dataloader = dict(dataset=_base_.pop('cifar100').dataset)
