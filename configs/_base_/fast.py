# What `tools/train.py --fast` merges into a config: the same training, sooner.
# docs/performance.md says what each line is worth.
model = dict(channels_last=True)
optim_wrapper = dict(type='mmdcl.BFloat16OptimWrapper')
default_hooks = dict(views=dict(type='mmdcl.DeviceViewsHook'))
env_cfg = dict(cudnn_benchmark=True)
