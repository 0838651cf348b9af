# SimCLR (InfoNCE) with four convolutions, CIFAR-100: half of the training
# images at hand, and another quarter for validation, as many as of CIFAR-10.
_base_ = ['./simclr_conv4_1xb32_cifar10.py', './_base_/cifar100.py']

data_preprocessor = _base_.cifar100.preprocessor
train_dataloader = dict(dataset=dict(_base_.cifar100.dataset, part=(0, 2)))
val_dataloader = dict(dataset=dict(_base_.cifar100.dataset, part=(1, 4)))
test_dataloader = dict(dataset=_base_.pop('cifar100').dataset)
