# In what CIFAR-100 differs from CIFAR-10: where it lies, mean and std. A
# config takes it out of its base, for its own loaders.
cifar100 = dict(
    preprocessor=dict(
        mean=[129.304, 124.07, 112.434],
        std=[68.17, 65.392, 70.418],
    ),
    dataset=dict(type='mmdcl.CIFAR100', data_root='data/cifar100'),
)
