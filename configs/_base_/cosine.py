# The learning rate to zero over all of training, which `T_max` and `end` are
# the epochs of. A config takes it out of its base, for its own list.
cosine = dict(
    type='CosineAnnealingLR',
    T_max=200,
    by_epoch=True,
    begin=0,
    end=200,
    convert_to_iter_based=True,
)
