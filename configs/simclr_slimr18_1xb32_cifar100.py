# SimCLR (InfoNCE), CIFAR-100 at CPU size: a fifth of the training images, and
# another tenth for validation, as of CIFAR-10.
_base_ = ['./simclr_slimr18_1xb32_cifar10.py', './_base_/cifar100.py']

data_preprocessor = _base_.cifar100.preprocessor
train_dataloader = dict(dataset=_base_.cifar100.dataset)
val_dataloader = dict(dataset=_base_.cifar100.dataset)
test_dataloader = dict(dataset=_base_.pop('cifar100').dataset)
