# A classifier on frozen features: SGD, a cosine over ten epochs.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.0)
)
param_scheduler = dict(
    type='CosineAnnealingLR',
    T_max=10,
    by_epoch=True,
    begin=0,
    end=10,
    convert_to_iter_based=True,
)
train_cfg = dict(type='mmdcl.ExactTrainLoop', max_epochs=10)
