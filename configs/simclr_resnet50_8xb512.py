# SimCLR (InfoNCE) at its paper's batch of 4,096, 8 GPUs x 512 images, in the
# memory of 32: to compare with, as DCL needs no such batch. Learning rate of
# upstream's config for this batch.
_base_ = './simclr_resnet50_8xb32.py'

model = dict(micro_batch=32)
train_dataloader = dict(batch_size=512, drop_last=True)
optim_wrapper = dict(optimizer=dict(lr=4.8))
auto_scale_lr = dict(base_batch_size=4096)
