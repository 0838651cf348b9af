import pytest

from tests.commands import drawn
from tests.commands.documented import typed

CLASSES = f'metainfo.classes=({",".join(drawn.IMAGENET)})'
CIFAR = '1xb256_cifar10 --data-root data/cifar10'
WORK_DIR = 'work_dirs/dcl_resnet18_1xb256_cifar10'
SMALL = ['train_cfg.max_epochs=1', 'train_dataloader.batch_size=40']
SMALL += ['train_dataloader.num_workers=1', 'model.backbone.base_channels=8']
SMALL += ['model.backbone.stem_channels=8', 'model.neck.in_channels=64']
SMALL += ['default_hooks.checkpoint.interval=1']
SMALL += ['val_cfg.k=5', 'test_cfg.k=[3,5]', 'val_dataloader.num_workers=0']


@pytest.fixture(scope='session')
def place(tmp_path_factory):
    """A folder of the user's, with her data."""
    folder = tmp_path_factory.mktemp('elsewhere')
    drawn.cifar10(folder / 'data/cifar10')
    drawn.imagenet(folder / 'data/imagenet')
    return folder


@pytest.fixture(scope='session')
def trained(place):
    """What the first training on images printed."""
    return typed(CIFAR, place, '--cfg-options', *SMALL)


@pytest.fixture(scope='session')
def resnet50(place):
    """A ResNet-50, pretrained by two processes of one epoch."""
    options = ['train_cfg.max_epochs=1', 'train_dataloader.batch_size=4']
    options += ['train_dataloader.num_workers=0', 'val_cfg.k=3']
    options += [
        'val_dataloader.num_workers=0',
        'test_dataloader.num_workers=0',
    ]
    options += ['train_cfg.val_interval=1', 'default_hooks.logger.interval=1']
    typed(
        '--gpus 8 --amp',
        place,
        '--cfg-options',
        *options,
        instead={' 8 --amp': ' 2'},
    )
    return 'work_dirs/dcl_resnet50_8xb32/epoch_1.pth'
