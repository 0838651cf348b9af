"""Crops and turns of a batch are those of OpenCV and Pillow, of each image."""

import mmcv
import numpy as np
import pytest
import torch
from PIL import Image

from mmdcl.views import crops
from mmdcl.views.crops import FILTERS, Crops, rotated

SHAPE = (5, 30, 41, 3)
WINDOWS = np.array(
    [(0, 0, 30, 41), (3, 5, 9, 31), (29, 40, 1, 1), (10, 0, 20, 7)]
)
IMAGES = np.array([4, 0, 2, 4])
RESAMPLING = dict(
    bilinear=Image.Resampling.BILINEAR, bicubic=Image.Resampling.BICUBIC
)


@pytest.fixture
def pool():
    noise = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    noise[0] = 255  # what a filter must not leave
    return noise


def reference(image, window, out, backend, interpolation):
    top, left, height, width = window
    crop = image[top : top + height, left : left + width]
    if backend == 'cv2':
        return mmcv.imresize(crop, out[::-1], interpolation=interpolation)
    way = RESAMPLING[interpolation]
    return np.array(Image.fromarray(crop).resize(out[::-1], way))


@pytest.mark.parametrize('out', [(32, 48), (12, 17), (30, 41)])
@pytest.mark.parametrize('by', FILTERS, ids='-'.join)
@pytest.mark.parametrize('tabled', [True, False])
def test_crops(pool, out, by, tabled, monkeypatch):
    """Rounded once instead of after each pass: a level, seldom two.

    Of a cubic, Pillow also cuts off what is beyond the levels in between,
    which on noise is much.
    """
    if not tabled:
        monkeypatch.setattr(crops, '_MOST_TABLED', 0)
    planes = torch.from_numpy(pool.transpose(0, 1, 3, 2).copy())
    mirrored = np.array([(0, 1, 0, 1), (1, 1, 0, 0)], bool)
    found = Crops(planes, out, FILTERS[by])(IMAGES, WINDOWS, mirrored)
    assert found.shape == (4, 3, *out)
    for view, image, window, (down, across) in zip(
        found, IMAGES, WINDOWS, mirrored.T, strict=True
    ):
        wanted = reference(pool[image], window, out, *by)
        wanted = wanted[:: -1 if down else 1, :: -1 if across else 1]
        off = np.abs(view.numpy().transpose(1, 2, 0) - wanted)
        assert off.max() <= (25 if by[1] == 'bicubic' else 2)
        assert off.mean() < 0.4
    assert torch.equal(found, found.round())


@pytest.mark.parametrize('fill', [0, 128])
def test_rotations(pool, fill):
    """But for pixels halfway, which OpenCV rounds at 10 bits."""
    angles = np.array([0.0, 13.0, -25.0, 7.3, 171.0])
    images = torch.from_numpy(pool.transpose(0, 3, 1, 2).copy()).float()
    found = rotated(images, angles, fill).numpy()
    for view, image, angle in zip(found, pool, angles, strict=True):
        wanted = mmcv.imrotate(
            image,
            angle,
            border_value=fill,
            interpolation='nearest',
        )
        other = (view.transpose(1, 2, 0) != wanted).any(-1)
        assert other.mean() < 0.02
    assert (found[0] == images[0].numpy()).all()
