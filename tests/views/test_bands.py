"""Views of any channels and depth, by loops in float64."""

import math

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpretrain.registry import TRANSFORMS

from mmdcl.views import GaussianBlur, RandomBandJitter, RandomRotate90

GENERATOR = np.random.default_rng(0)
IMAGES = {
    'float32 of 13': GENERATOR.normal(50, 900, (8, 8, 13)).astype(np.float32),
    'uint16 of 2': GENERATOR.integers(0, 65536, (8, 8, 2), np.uint16),
    'uint8 of 1': GENERATOR.integers(0, 256, (8, 8), np.uint8),
}
EVERY = pytest.mark.parametrize('image', IMAGES.values(), ids=IMAGES)


@pytest.fixture(autouse=True)
def _seed():
    np.random.seed(0)


def same(found, wanted, image):
    """To half a level, or to float32."""
    assert found.dtype == image.dtype
    assert found.shape == image.shape
    if image.dtype.kind == 'u':
        wanted = np.clip(wanted, 0, np.iinfo(image.dtype).max)
        assert np.abs(found - wanted).max() <= 0.51
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-3)


@EVERY
@pytest.mark.parametrize('shared', [False, True])
def test_jitter_is_a_gain_and_an_offset_of_each_band(
    image, shared, monkeypatch
):
    jitter = RandomBandJitter(0.5, 1.0, shared, prob=1)
    bands = image.shape[2] if image.ndim == 3 else 1
    gains, offsets = jitter.random_gains(bands)
    assert len(set(gains)) == len(set(offsets)) == (1 if shared else bands)
    monkeypatch.setattr(jitter, 'random_gains', lambda n: (gains, offsets))
    before = image.copy()
    found = jitter(dict(img=image))['img']
    whole = image.reshape(8, 8, bands).astype(float)
    wanted = np.empty_like(whole)
    for band in range(bands):
        values = [float(x) for x in whole[..., band].flat]
        mean = sum(values) / 64
        spread = math.sqrt(sum((x - mean) ** 2 for x in values) / 64)
        for row in range(8):
            for column in range(8):
                wanted[row, column, band] = (
                    gains[band] * whole[row, column, band]
                    + offsets[band] * spread
                )
    same(found, wanted.reshape(image.shape), image)
    np.testing.assert_array_equal(image, before)


def test_jitter_draws_within_its_bounds():
    jitter = RandomBandJitter(0.3, 0.1, prob=0.5)
    drawn = [jitter.random_gains(4) for _ in range(400)]
    done = [x for x in drawn if x is not None]
    assert 150 < len(done) < 250
    gains, offsets = np.array(done).transpose(1, 0, 2)
    assert 0.7 <= gains.min() < 0.72 < 1.28 < gains.max() <= 1.3
    assert -0.1 <= offsets.min() < -0.09 < 0.09 < offsets.max() <= 0.1


@pytest.mark.parametrize(
    'wrong', [dict(gain=1.5), dict(offset=-1), dict(prob=2), dict(shared=1)]
)
def test_jitter_checks_what_it_gets(wrong):
    [name] = wrong
    with pytest.raises((ValueError, TypeError), match=f'`{name}`'):
        RandomBandJitter(**wrong)


@EVERY
def test_blur_is_the_gaussian_of_each_band(image):
    sigma = 0.8
    found = GaussianBlur(radius=sigma, prob=1.0)(dict(img=image))['img']
    whole = image.reshape(8, 8, -1).astype(float)
    reach = 4  # 5 deviations
    wanted = np.zeros_like(whole)
    for row in range(8):
        for column in range(8):
            total = 0.0
            for y in range(-reach, reach + 1):
                for x in range(-reach, reach + 1):
                    weight = math.exp(-(x * x + y * y) / 2 / sigma**2)
                    there = min(max(row + y, 0), 7), min(max(column + x, 0), 7)
                    wanted[row, column] += weight * whole[there]
                    total += weight
            wanted[row, column] /= total
    same(found, wanted.reshape(image.shape), image)


def test_a_blur_may_do_nothing():
    image = IMAGES['float32 of 13']
    for off in (dict(radius=1, prob=0), dict(radius=0, prob=1)):
        np.testing.assert_array_equal(
            GaussianBlur(**off)(dict(img=image))['img'], image
        )


@EVERY
def test_quarters_of_a_turn(image):
    turns = [np.rot90(image, k).tobytes() for k in range(4)]
    found = [RandomRotate90()(dict(img=image))['img'] for _ in range(80)]
    assert {x.tobytes() for x in found} == set(turns)
    assert all(x.flags.c_contiguous for x in found)
    wide = image[:5]
    found = [RandomRotate90()(dict(img=wide))['img'] for _ in range(40)]
    assert {x.shape for x in found} == {wide.shape}


@EVERY
def test_upstreams_crops_and_flips_take_each_channel_alone(image):
    init_default_scope('mmpretrain')
    flips = ['horizontal', 'vertical']
    steps = [
        dict(type='RandomResizedCrop', scale=6),
        dict(type='RandomFlip', prob=[0.4, 0.4], direction=flips),
        dict(type='Resize', scale=(12, 12)),
        dict(type='ResizeEdge', scale=9),
        dict(type='CenterCrop', crop_size=5),
    ]

    def done(channels):
        np.random.seed(1)
        results = dict(img=channels)
        for step in steps:
            results = TRANSFORMS.build(step)(results)
        return results['img']

    whole = done(image)
    planes = image.reshape(8, 8, -1).transpose(2, 0, 1)
    alone = np.stack([done(np.ascontiguousarray(x)) for x in planes], 2)
    whole = whole.reshape(alone.shape)
    np.testing.assert_allclose(whole, alone, rtol=1e-5, atol=1e-2)
