# All layers trained on a hundredth of the labels of ImageNet-1K. For SimCLR's
# published lists of images see docs/evaluate.md.
_base_ = './finetune_imagenet.py'

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='mmdcl.FewLabels',
        fraction=0.01,
        seed=0,
        dataset=_base_.train_dataloader.dataset,
    )
)
