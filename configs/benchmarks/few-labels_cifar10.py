# All layers trained on a tenth of the labels of CIFAR-10, class-balanced.
# Learning rate: results/README.md, cifar10_slim_few_labels.
_base_ = './finetune_cifar10.py'

train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        _delete_=True,
        type='mmdcl.FewLabels',
        fraction=0.1,
        seed=0,
        dataset=_base_.train_dataloader.dataset,
    ),
)
optim_wrapper = dict(optimizer=dict(lr=0.03))
