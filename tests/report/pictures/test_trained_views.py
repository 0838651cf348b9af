"""``views.png`` shows what the network saw, in its colours."""

import numpy as np
import pytest
import torch
from mmpretrain.models import SelfSupDataPreprocessor
from PIL import Image

from mmdcl.report.pictures.trained_views import save_views
from mmdcl.views import ViewDataPreprocessor
from tests.runs import loader, runner

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
FILES = dict(type='CustomDataset', pipeline=[dict(type='LoadImageFromFile')])


def drawn(tmp_path, views, preprocessor, dataset=None):
    path = tmp_path / 'views.png'
    save_views(views, preprocessor, dataset, path)
    assert path.stat().st_size < 300_000
    assert [*tmp_path.iterdir()] == [path]
    with Image.open(path) as image:
        return np.asarray(image.convert('RGBA'))


def uniform(colours, size=20, images=1):
    """Views (B, C, H, W) of uint8, each of one colour."""
    return [
        torch.tensor(x).view(1, -1, 1, 1).repeat(images, 1, size, size).byte()
        for x in colours
    ]


ORANGE, GREEN = (250, 140, 10), (20, 200, 30)


@pytest.mark.parametrize(
    'kind', [SelfSupDataPreprocessor, ViewDataPreprocessor]
)
@pytest.mark.parametrize(
    ('to_rgb', 'dataset', 'given'),
    [
        (True, FILES, 'bgr'),
        (False, FILES, 'bgr'),
        (False, dict(type='mmdcl.CIFAR10'), 'rgb'),
        (True, dict(type='dataset', dataset=FILES), 'bgr'),
        (True, None, 'bgr'),
        (False, None, 'bgr'),
    ],
)
def test_colours_are_those_of_the_images(
    tmp_path, kind, to_rgb, dataset, given
):
    views = uniform([ORANGE, GREEN])
    if given == 'bgr':
        views = [view.flip(1) for view in views]
    preprocessor = kind(mean=MEAN, std=STD, to_rgb=to_rgb)
    batch = preprocessor(dict(inputs=views, data_samples=None), True)
    image = drawn(tmp_path, batch['inputs'], preprocessor, dataset)
    assert image.shape == (160, 2 * 160 + 2, 4)
    assert (image[:, :160] == (*ORANGE, 255)).all()
    assert (image[:, 162:] == (*GREEN, 255)).all()
    assert (image[:, 160:162, 3] == 0).all()


def test_grey_and_without_normalisation(tmp_path):
    grey = SelfSupDataPreprocessor(mean=[100.0], std=[50.0])
    batch = dict(inputs=uniform([(7,)]), data_samples=None)
    views = grey(batch, True)['inputs']
    assert (drawn(tmp_path, views, grey)[..., :3] == 7).all()
    plain = SelfSupDataPreprocessor()
    batch = dict(inputs=uniform([GREEN[::-1]]), data_samples=None)
    views = plain(batch, True)['inputs']
    assert (drawn(tmp_path, views[0], plain)[..., :3] == GREEN).all()


def test_up_to_eight_images_in_two_rows_of_pairs(tmp_path):
    preprocessor = SelfSupDataPreprocessor()
    views = [torch.rand(11, 3, 40, 40) * 255 for _ in range(2)]
    image = drawn(tmp_path, views, preprocessor)
    assert image.shape == (2 * 160 + 12, 4 * (2 * 160 + 2) + 3 * 12, 4)
    crops = [torch.rand(2, 3, x, x) for x in (32, 32, 16, 16, 16, 16)]
    image = drawn(tmp_path, crops, preprocessor)
    assert image.shape == (2 * 160 + 12, 6 * 162 - 2, 4)


def test_noise_in_large_views_stays_small(tmp_path):
    views = [torch.rand(8, 3, 224, 224) * 255 for _ in range(2)]
    image = drawn(tmp_path, views, SelfSupDataPreprocessor())
    assert image.shape[1] > 300


def test_what_holds_no_images_is_refused(tmp_path):
    preprocessor = SelfSupDataPreprocessor()
    for views in ([], [torch.rand(3, 8, 8)], torch.rand(8)):
        with pytest.raises(ValueError, match='no views'):
            save_views(views, preprocessor, None, tmp_path / 'views.png')


def test_the_first_batch_of_a_training_is_drawn(tmp_path):
    """Which is not one of the validation before it."""
    plain = [dict(type='Resize', scale=(16, 16)), dict(type='PackInputs')]
    both = dict(type='MultiView', num_views=2, transforms=[plain[:1]])
    hook = dict(type='mmdcl.ProgressHook', val_before_train=True, report=False)
    seen = []

    class Preprocessor(SelfSupDataPreprocessor):
        def forward(self, data, training=False):
            if training:
                seen.append(data['inputs'][0])
            return super().forward(data, training)

    train = loader('train', [both, plain[1]])
    train['dataset']['indices'] = 128
    run = runner(tmp_path, custom_hooks=[hook], train_dataloader=train)
    run.model.data_preprocessor = Preprocessor()
    run.train()
    assert not run.model.data_preprocessor._forward_hooks
    with Image.open(tmp_path / 'views.png') as image:
        shown = np.asarray(image)[:160:10, :160:10, :3]
    wanted = seen[0][0].flip(0).permute(1, 2, 0).numpy()
    assert (shown == wanted).all()
    assert len(seen) == 2


@pytest.mark.parametrize('channels', [1, 2, 5])
def test_bands_are_stretched_alike_in_all_views(tmp_path, channels):
    """What one view has twice as much of is brighter there."""
    mean, std = [3000.0] * channels, [700.0] * channels
    preprocessor = ViewDataPreprocessor(mean=mean, std=std)
    ramp = torch.linspace(0, 10_000, 400).view(1, 1, 20, 20)
    views = [ramp.repeat(1, channels, 1, 1) * x for x in (1, 0.5)]
    batch = dict(inputs=views, data_samples=None)
    views = preprocessor(batch, True)['inputs']
    image = drawn(tmp_path, views, preprocessor).astype(int)
    first, second = image[:, :160, :3], image[:, 162:, :3]
    assert first[..., 0].max() == 255
    assert abs(second.max() - 128) < 6
    assert (first >= second).all()
