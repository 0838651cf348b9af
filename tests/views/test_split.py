"""Views on the device are upstream's views of the same seed."""

import random

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from mmdcl.views import SplitViews, apply_steps
from mmdcl.views.operators import Step
from mmdcl.views.split import draw


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


@pytest.fixture(scope='module')
def photo(tmp_path_factory):
    """An image with gradients, edges, noise and colours."""
    y, x = np.mgrid[:180, :240]
    image = np.stack([x, y, (x + y) // 2], axis=-1)
    image += np.random.default_rng(0).integers(0, 40, image.shape)
    image = image.clip(0, 255).astype(np.uint8)
    cv2.circle(image, (120, 90), 50, (30, 200, 90), -1)
    cv2.rectangle(image, (20, 20), (90, 70), (220, 40, 60), -1)
    path = tmp_path_factory.mktemp('photo') / 'photo.png'
    cv2.imwrite(str(path), image)
    return str(path)


def upstream(name):
    config = Config.fromstring(f"_base_ = 'mmpretrain::{name}'", '.py')
    return Compose(list(config.train_dataloader.dataset.pipeline))


def both(pipeline, photo, seed):
    """Views by upstream and by us, ``(V, 3, H, W)``, from the same seed."""
    found = []
    for run in (pipeline, SplitViews(pipeline.transforms)):
        np.random.seed(seed)
        random.seed(seed)
        found.append(run(dict(img_path=photo)))
    theirs, ours = found
    steps = ours['view_steps']
    views = torch.stack(ours['inputs'])
    ours = apply_steps(views, steps, bgr=True)
    return torch.stack(theirs['inputs']).float(), ours


@pytest.mark.parametrize(
    'name',
    [
        'simclr/simclr_resnet50_8xb32-coslr-200e_in1k.py',
        'mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py',
        'byol/byol_resnet50_16xb256-coslr-200e_in1k.py',
    ],
)
def test_views_of_a_seed_are_upstreams(name, photo):
    """In levels of 255; the mean of a view, where rounding adds up, too."""
    pipeline = upstream(name)
    differences, means = [], []
    for seed in range(12):
        theirs, ours = both(pipeline, photo, seed)
        differences += (theirs - ours).abs().mean((1, 2, 3)).tolist()
        means += (theirs - ours).mean((1, 2, 3)).abs().tolist()
    assert np.median(differences) < 0.5
    assert max(differences) < 1.5
    assert max(means) < 0.1


def test_distributions_are_the_pipelines(photo):
    views = SplitViews(
        upstream('simclr/simclr_resnet50_8xb32-coslr-200e_in1k.py').transforms
    )
    np.random.seed(0)
    random.seed(0)
    drawn = {step: [] for step in Step}
    orders = set()
    total = 400
    for _ in range(total):
        for view in views.views:
            steps = [s for t in view.there for s in draw(t)]
            orders.add(tuple(s[0] for s in steps if 4 <= s[0] <= 7))
            for step, *value in steps:
                drawn[step].append(value)
    share = {step: len(found) / (2 * total) for step, found in drawn.items()}
    expected = {
        Step.HORIZONTAL_FLIP: 0.5,
        Step.BRIGHTNESS: 0.8,
        Step.HUE: 0.8,
        Step.GRAYSCALE: 0.2,
        Step.BLUR: 0.5,
        Step.SOLARIZE: 0,
    }
    for step, wanted in expected.items():
        assert abs(share[step] - wanted) < 0.06, step
    for step, low, high in (
        (Step.BRIGHTNESS, 0.2, 1.8),
        (Step.CONTRAST, 0.2, 1.8),
        (Step.SATURATION, 0.2, 1.8),
        (Step.HUE, -0.2, 0.2),
        (Step.BLUR, 0.1, 2.0),
    ):
        values = np.array(drawn[step])[:, 0]
        quartiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
        uniform = np.linspace(low, high, 5)
        assert np.abs(quartiles - uniform).max() < 0.1 * (high - low), step
    assert len(orders - {()}) == 24  # orders of the jitter


@pytest.mark.parametrize('prob', [0.0, 1.0])
def test_what_is_unknown_stays_in_the_workers(photo, prob):
    crop = dict(type='RandomResizedCrop', scale=32)
    flip = dict(type='RandomFlip', prob=1.0)
    unknown = dict(type='Equalize', prob=prob)
    blur = dict(type='GaussianBlur', radius=1.5, prob=1.0)
    gray = dict(type='RandomGrayscale', prob=1.0)  # to a single channel
    pipeline = Compose(
        [
            dict(type='LoadImageFromFile'),
            dict(
                type='MultiView',
                num_views=[1, 1],
                transforms=[[crop, flip, unknown, blur], [crop]],
            ),
            dict(type='PackInputs'),
        ]
    )
    first, second = SplitViews(pipeline.transforms).parts()
    assert first == (
        'LoadImageFromFile, RandomResizedCrop, RandomFlip, Equalize',
        'GaussianBlur',
    )
    assert second[1] == 'nothing'
    theirs, ours = both(pipeline, photo, seed=3)
    assert (theirs[0] - ours[0]).abs().mean() < 1
    assert torch.equal(theirs[1], ours[1])

    pipeline.transforms[1].pipelines[1].transforms += Compose(
        [gray]
    ).transforms
    views = SplitViews(pipeline.transforms)
    with pytest.raises(TypeError, match='three channels of uint8'):
        views(dict(img_path=photo))


def test_a_pipeline_without_views():
    transforms = Compose([dict(type='LoadImageFromFile')]).transforms
    with pytest.raises(TypeError, match='one MultiView, got LoadImage'):
        SplitViews(transforms)
