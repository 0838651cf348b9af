# All layers trained on a tenth of the labels of CIFAR-100, class-balanced,
# with the recipe for CIFAR-10.
_base_ = ['./few-labels_cifar10.py', '../_base_/cifar100.py']

model = dict(head=dict(num_classes=100))
data_preprocessor = dict(num_classes=100, **_base_.cifar100.preprocessor)
train_dataloader = dict(dataset=dict(dataset=_base_.cifar100.dataset))
test_dataloader = dict(dataset=_base_.pop('cifar100').dataset)
