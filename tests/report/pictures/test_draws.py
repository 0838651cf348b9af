"""What transforms draw: seen, not changed."""

import random
from copy import deepcopy

import mmcv
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform, Compose
from mmengine.registry import init_default_scope
from mmpretrain.registry import TRANSFORMS

from mmdcl.report.images.seeding import seeded
from mmdcl.report.pictures.draws import crop_box, followed, words

STEPS = [
    dict(type='RandomResizedCrop', scale=16),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='RandomApply',
        transforms=[
            dict(
                type='ColorJitter',
                brightness=0.4,
                contrast=0.4,
                saturation=0.4,
                hue=0.1,
            )
        ],
        prob=0.5,
    ),
    dict(type='RandomGrayscale', prob=0.3, keep_channels=True),
    dict(
        type='GaussianBlur',
        magnitude_range=(0.1, 2.0),
        magnitude_std='inf',
        prob=0.5,
    ),
    dict(type='Solarize', thr=128, prob=0.3),
    dict(type='Rotate', magnitude_range=(0, 25), magnitude_std='inf'),
]


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


def image():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    return dict(img=pixels, img_shape=(40, 30))


def built(*steps):
    return Compose([TRANSFORMS.build(deepcopy(step)) for step in steps])


def test_views_stay_those_of_the_pipeline():
    pipeline = built(*STEPS)
    said = set()
    for seed in range(30):
        with seeded(seed):
            plain, after = pipeline(image())['img'], np.random.rand()
        with seeded(seed):
            with followed(pipeline) as draws:
                seen = pipeline(image())['img']
            assert np.random.rand() == after
        assert np.array_equal(plain, seen)
        said |= {text.split()[0] for draw in draws for text in words(draw)}
    assert said == {'crop', 'aspect', 'flip', 'brightness', 'contrast'} | {
        'saturation',
        'hue',
        'gray',
        'blur',
        'solarize',
        'rotate',
    }
    assert [type(x).__name__ for x in pipeline.transforms] == [
        step['type'] for step in STEPS
    ]
    assert not any('rand_crop_params' in vars(x) for x in pipeline.transforms)


def test_the_crop_is_where_it_is_said_to_be():
    pipeline = built(STEPS[0])
    with seeded(4), followed(pipeline) as draws:
        view = pipeline(image())['img']
    [draw] = draws
    top, left, height, width = crop_box(draw)
    part = image()['img'][top : top + height, left : left + width]
    assert np.array_equal(view, mmcv.imresize(part, (16, 16)))
    area, aspect = words(draw)
    assert area == f'crop {height * width / 1200:.0%}'
    assert aspect == f'aspect {width / height:.2f}'


def test_colours_are_said_in_the_order_in_which_they_came():
    pipeline = built(dict(type='ColorJitter', brightness=0.4, contrast=0.4))
    for seed in range(4):
        with seeded(seed), followed(pipeline) as draws:
            view = pipeline(image())['img']
        pixels = image()['img']
        for text in words(draws[0]):
            name, _, factor = text.split()
            adjust = getattr(mmcv, f'adjust_{name}')
            pixels = adjust(pixels, float(factor), backend='pillow')
        assert np.abs(pixels.astype(int) - view).max() <= 2


class Noise(BaseTransform):
    """Draws, and tells nobody what."""

    def __init__(self, draw):
        self.draw = draw

    def transform(self, results):
        self.draw()
        return results


@pytest.mark.parametrize(
    'draw', [np.random.rand, random.random, lambda: torch.rand(1)]
)
def test_of_what_draws_in_secret_the_name_is_said(draw):
    pipeline = Compose([Noise(draw), Noise(lambda: None)])
    with followed(pipeline) as draws:
        pipeline(image())
    assert [words(draw) for draw in draws] == [['Noise'], []]


def test_a_choice_says_what_was_chosen():
    flips = [
        [dict(type='RandomFlip', prob=1.0, direction=way)]
        for way in ('horizontal', 'vertical')
    ]
    pipeline = built(dict(type='RandomChoice', transforms=flips))
    said = set()
    for seed in range(10):
        with seeded(seed), followed(pipeline) as draws:
            pipeline(image())
        [[text]] = [words(draw) for draw in draws]
        said.add(text)
    assert said == {'flip', 'flip vertical'}
