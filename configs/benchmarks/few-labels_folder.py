# All layers trained on a tenth of the labels of folders of classes, balanced.
_base_ = './finetune_folder.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmdcl.FewLabels',
        fraction=0.1,
        seed=0,
        dataset=_base_.train_dataloader.dataset,
    ),
)
