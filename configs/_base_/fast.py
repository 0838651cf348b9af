# What `tools/train.py --fast` merges into a config: the same training, sooner.
# docs/performance.md says what each line is worth.
model = dict(channels_last=True)
optim_wrapper = dict(type='mmdcl.BFloat16OptimWrapper')
# Of images in memory (CIFAR, digits) all of a batch's views together, drawn
# anew; of others what the training device can do, and the draws stay. With
# `default_hooks.views.batched=False` it is the latter for all.
default_hooks = dict(views=dict(type='mmdcl.BatchViewsHook'))
env_cfg = dict(cudnn_benchmark=True)
