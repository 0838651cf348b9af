"""Pictures of images of any channels and depth."""

import numpy as np
import pytest

from mmdcl.report.images.thumbnails import shown

LEVELS = np.arange(256, dtype=np.uint16).reshape(16, 16)


@pytest.mark.parametrize('channels', [1, 2, 3, 4, 13])
@pytest.mark.parametrize('kind', [np.uint16, np.float32])
def test_of_more_than_8_bits_is_stretched(channels, kind):
    image = np.stack([LEVELS * 257] * channels, 2).astype(kind)
    found = shown(image)
    assert found.shape == (16, 16, 3)
    assert found.dtype == np.uint8
    assert found[0, 0].tolist() == [0, 0, 0]
    assert found[-1, -1].tolist() == [255, 255, 255]
    wanted = (LEVELS - 5.1) / (249.9 - 5.1) * 255
    wanted = wanted.clip(0, 255)[..., None]
    assert np.abs(found - wanted).max() <= 1


def test_the_first_three_bands_are_red_green_and_blue():
    image = np.zeros((4, 4, 5), np.float32)
    for band in range(3):
        image[band, :, band] = 1000
    image[..., 4] = 10**6
    found = shown(image, order='bgr')
    assert found[0, 0].tolist() == [255, 0, 0]
    assert found[1, 0].tolist() == [0, 255, 0]
    assert found[2, 0].tolist() == [0, 0, 255]


def test_levels_are_left_as_they_are():
    image = np.stack([LEVELS] * 3, 2)
    for kind in (np.uint8, np.float32):
        np.testing.assert_array_equal(shown(image.astype(kind)), image)
