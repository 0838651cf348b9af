# A tenth of the labels: 100 of 1,000 images of each class have one.
_base_ = '../../configs/supcon-dcl_slimr18_1xb32_cifar10.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmdcl.FewLabels',
        fraction=0.1,
        keep_others=True,
        dataset=_base_.train_dataloader.dataset,
    )
)
