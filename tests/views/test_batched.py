"""What is drawn for a batch at once has the distribution of upstream's."""

from collections import Counter

import numpy as np
import pytest
from mmcv.transforms import RandomApply, RandomFlip, RandomGrayscale
from mmengine.registry import init_default_scope
from mmpretrain.datasets.transforms import (
    ColorJitter,
    GaussianBlur,
    RandomResizedCrop,
    Rotate,
    Solarize,
)

from mmdcl.views import batched
from mmdcl.views.addressed import keys_of, uniforms
from mmdcl.views.operators import Step
from mmdcl.views.split import draw

NUMBER = 6_000
JITTER = dict(brightness=0.4, contrast=0.3, saturation=(0.2, 0.9), hue=0.1)
UNIFORM = dict(magnitude_range=(0.1, 2.0), magnitude_std='inf')


def drawn(columns: int, seed: int = 0) -> np.ndarray:
    addresses = [(1, seed, 0, index) for index in range(NUMBER)]
    return uniforms(keys_of(addresses), range(1), columns)


def same_moments(found: np.ndarray, wanted: np.ndarray) -> None:
    """Means and deviations within what chance explains (4 sigma)."""
    for power in (1, 2):
        ours, theirs = found**power, wanted**power
        spread = np.sqrt(ours.var(0) / len(ours) + theirs.var(0) / len(theirs))
        off = np.abs(ours.mean(0) - theirs.mean(0))
        assert (off <= 4 * spread + 1e-9).all(), (power, off, spread)


@pytest.mark.parametrize(
    ('shape', 'setting'),
    [
        ((32, 32), dict(crop_ratio_range=(0.2, 1.0))),
        ((20, 48), dict(aspect_ratio_range=(0.9, 1.3), max_attempts=2)),
        ((48, 20), dict(crop_ratio_range=(0.9, 1.0), max_attempts=1)),
    ],
)
def test_windows(shape, setting):
    """Area, aspect and place, and the crops of those that never fit."""
    crop = RandomResizedCrop(scale=16, **setting)
    np.random.seed(0)
    image = np.zeros((*shape, 3), np.uint8)
    wanted = np.array([crop.rand_crop_params(image) for _ in range(NUMBER)])
    columns = batched.crop_columns(crop)
    found = batched.crop_windows(crop, *shape, drawn(columns))

    def described(windows):
        top, left, height, width = windows.astype(float).T
        free = np.stack([shape[0] - height, shape[1] - width])
        share = np.stack([top, left]) / np.maximum(free, 1)
        aspect = np.log(width / height)
        whole = (height * width == shape[0] * shape[1]).astype(float)
        return np.stack([height * width, aspect, *share, top, left, whole], 1)

    same_moments(described(found), described(wanted))
    assert found.min() >= 0
    assert (found[:, :2] + found[:, 2:] <= shape).all()
    kinds = [len(np.unique(x, axis=0)) for x in (found, wanted)]
    assert kinds[0] > 0.9 * kinds[1]


INNER = [ColorJitter(**JITTER), GaussianBlur(prob=0.5, **UNIFORM)]
TRANSFORMS = [
    RandomFlip(prob=0.3),
    RandomFlip(prob=[0.1, 0.2, 0.3], direction=[*batched.DIRECTIONS]),
    ColorJitter(**JITTER),
    ColorJitter(brightness=0.4, contrast=0.4),
    RandomGrayscale(0.2, keep_channels=True, channel_weights=(1.0, 2.0, 1.0)),
    GaussianBlur(prob=0.4, **UNIFORM),
    GaussianBlur(radius=1.5, prob=0.4),
    Solarize(thr=128, prob=0.2),
    Solarize(magnitude_range=(0, 256), magnitude_level=5, prob=0.7),
]


def described(steps) -> np.ndarray:
    """Of each step whether it is done, where in the order, and by what."""
    rows = np.zeros((len(steps), len(Step), 3))
    for row, own in zip(rows, steps, strict=True):
        done = [step for step in own if step[0] != Step.NOTHING]
        for place, (kind, *values) in enumerate(done):
            row[int(kind)] = 1, place, (values or [0])[0]
    return rows.reshape(len(rows), -1)


@pytest.mark.parametrize('transform', TRANSFORMS, ids=lambda x: str(x)[:40])
def test_steps(transform):
    np.random.seed(0)
    ours = batched.in_turn([transform])
    found = ours.draw(drawn(ours.columns))
    assert found.shape == (NUMBER, ours.steps, 4)
    same_moments(
        described(found), described([draw(transform) for _ in range(NUMBER)])
    )


def test_some_together():
    """Of ``RandomApply``, of all or of none; parameters come with them."""
    init_default_scope('mmpretrain')
    both = RandomApply(INNER, prob=0.7)
    ours = batched.in_turn([both])
    found = described(ours.draw(drawn(ours.columns)))
    np.random.seed(0)
    same_moments(found, described([draw(both) for _ in range(NUMBER)]))
    kinds = found.reshape(NUMBER, -1, 3)[..., 0]
    assert (kinds[kinds[:, Step.HUE] == 0].sum(1) == 0).all()
    assert abs(kinds[:, Step.HUE].mean() - 0.7) < 0.03


def test_orders_are_equally_frequent():
    jitter = batched.in_turn([ColorJitter(**JITTER)])
    steps = jitter.draw(drawn(jitter.columns))[..., 0].astype(int)
    orders = Counter(tuple(x[x > 0]) for x in steps)
    assert len(orders) == 24
    assert max(abs(n - NUMBER / 24) for n in orders.values()) < 80  # 5 sigma


def test_rotations():
    turn = Rotate(
        magnitude_range=(0.0, 25.0), magnitude_std='inf', prob=0.8, pad_val=0
    )
    np.random.seed(0)
    wanted = [
        0.0
        if turn.random_disable()
        else turn.random_negative(turn.random_magnitude())
        for _ in range(NUMBER)
    ]
    found = batched.rotation(turn, drawn(3))
    same_moments(found[:, None], np.array(wanted)[:, None])


def test_what_is_not_known_here():
    spread = dict(magnitude_range=(0, 1), magnitude_std=0.5)
    assert not batched.can_draw(GaussianBlur(**spread))
    assert not batched.can_draw(RandomApply([Rotate(angle=3.0)], prob=0.5))
    assert not batched.can_rotate(Rotate(angle=3.0, center=(1.0, 2.0)))
    assert not batched.can_rotate(Rotate(angle=3.0, scale=2.0))
    assert batched.can_rotate(Rotate(angle=3.0))


def test_numbers_are_those_of_the_address_alone():
    addresses = [(1, 7, 3, index) for index in range(50)]
    keys = keys_of(addresses)
    assert (keys_of(addresses[::-1]) == keys[::-1]).all()
    both = uniforms(keys, range(2), 9)
    assert both.shape == (100, 9)
    assert (uniforms(keys[:3], range(1, 2), 9) == both[50:53]).all()
    assert (uniforms(keys, range(1), 4) == both[:50, :4]).all()


def test_numbers_of_other_addresses_are_others():
    """Of each part of an address, and of each view: no two are alike."""
    parts = [
        (a, b, c, d)
        for a in (1, 3)
        for b in range(10)
        for c in range(10)
        for d in range(25)
    ]
    found = uniforms(keys_of(parts), range(4), 5)
    assert len(np.unique(found)) == found.size == 100_000
    assert abs(found.mean() - 0.5) < 0.004  # 4 sigma
    edges = np.histogram(found, bins=100, range=(0, 1))[0]
    assert abs(edges - 1000).max() < 150
    series = found - 0.5
    for other in (series[:, 1:] * series[:, :-1], series[1:] * series[:-1]):
        assert abs(other.mean() * 12) < 0.02
