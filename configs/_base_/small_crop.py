# The small crops of multi-crop at CIFAR's size: windows of 10 to 20 px, so
# that 16 px are about their own resolution. A config takes it out of its base.
small_crop = dict(
    type='RandomResizedCrop', scale=16, crop_ratio_range=(0.1, 0.4)
)
