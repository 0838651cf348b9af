"""Any channels and depth: values as they are in the file, or a sentence."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import tifffile

from mmdcl.datasets import LoadMultichannelImage, channel_statistics
from mmdcl.errors import UserError

GENERATOR = np.random.default_rng(0)
DEEP = GENERATOR.integers(0, 65536, (12, 9, 5), np.uint16)
MEASURED = GENERATOR.normal(0, 1e4, (12, 9, 5)).astype(np.float32)


def pages(path, planes):
    with tifffile.TiffWriter(path) as file:
        for plane in planes:
            file.write(plane, contiguous=False)


def unnamed(path, planes):
    """As GIS and microscopes write them: pages, and no word of shape."""
    with tifffile.TiffWriter(path) as file:
        for plane in planes:
            file.write(plane, contiguous=False, metadata=None)


def stacked(path, planes):
    tifffile.imwrite(path, planes)


def samples(layout):
    def write(path, planes):
        whole = planes if layout == 'separate' else planes.transpose(1, 2, 0)
        tifffile.imwrite(
            path,
            whole,
            photometric='minisblack',
            planarconfig=layout,
            compression='deflate',
        )

    return write


WRITERS = dict(
    interleaved=samples('contig'),
    planes=samples('separate'),
    pages=pages,
    unnamed=unnamed,
    stacked=stacked,
)


@pytest.mark.parametrize('write', WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize('image', [DEEP, MEASURED], ids=['uint16', 'float32'])
def test_every_layout_of_tiff_is_the_same_image(image, write, tmp_path):
    path = tmp_path / 'image.tif'
    write(path, image.transpose(2, 0, 1))
    found = LoadMultichannelImage()(dict(img_path=str(path)))
    np.testing.assert_array_equal(found['img'], image.astype(np.float32))
    assert found['img'].dtype == np.float32
    assert found['img_shape'] == (12, 9)
    some = LoadMultichannelImage(channels=5, bands=[3, 0])
    found = some(dict(img_path=str(path)))['img']
    np.testing.assert_array_equal(found, image[..., [3, 0]])


def test_arrays_by_their_shape(tmp_path):
    path = str(tmp_path / 'image.npy')
    for stored in (DEEP, DEEP.transpose(2, 0, 1)):
        np.save(path, stored)
        for channels in (None, 5):
            load = LoadMultichannelImage(channels)
            found = load(dict(img_path=path))['img']
            np.testing.assert_array_equal(found, DEEP)
    np.save(path, DEEP[..., 0])
    assert LoadMultichannelImage(1)(dict(img_path=path))['img'].ndim == 3


def test_png_of_16_bits_in_rgb(tmp_path):
    path = str(tmp_path / 'image.png')
    for image in (DEEP[..., :3], DEEP[..., :4], DEEP[..., :1]):
        turned = [2, 1, 0, 3][: image.shape[2]] if image.shape[2] > 1 else [0]
        cv2.imwrite(path, image[..., turned])
        found = LoadMultichannelImage()(dict(img_path=path))['img']
        np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize('how', ['said', 'gdal', 'not finite'])
def test_what_is_missing_gets_the_mean_of_its_band(how, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        'mmdcl.datasets.multichannel.print_log',
        lambda text, *_: said.append(text),
    )
    image = MEASURED.copy()
    image[2:4, 3:8, 1] = np.nan if how == 'not finite' else -9999
    tags = [(42113, 's', 0, '-9999', True)] if how == 'gdal' else []
    tifffile.imwrite(
        tmp_path / 'image.tif',
        image,
        photometric='minisblack',
        planarconfig='contig',
        extratags=tags,
    )
    load = LoadMultichannelImage(nodata=-9999 if how == 'said' else None)
    for _ in range(12):
        found = load(dict(img_path=str(tmp_path / 'image.tif')))['img']
    keep = np.ones((12, 9, 5), bool)
    keep[2:4, 3:8, 1] = False
    np.testing.assert_array_equal(found[keep], image[keep])
    mean = image[..., 1][keep[..., 1]].astype(np.float64).mean()
    np.testing.assert_allclose(found[~keep], mean, rtol=1e-6)
    share = f'{10 / MEASURED.size:.1%} of its values are no data'
    for line, times in zip(said, (1, 10), strict=True):
        assert share in line
        assert f'(so far in {times} images)' in line


@pytest.mark.parametrize(
    ('image', 'settings', 'message'),
    [
        (DEEP[..., :3], dict(channels=5), r'it has 3 channels \(its shape is'),
        (DEEP, dict(bands=[5]), '`bands` asks for channel 5, but images ha'),
        (np.ones((5, 9, 5)), {}, r'may be \(H, W, C\) or \(C, H, W\)'),
        (np.ones((2, 3, 4, 5)), {}, r'of shape \(2, 3, 4, 5\), not \(H, W\)'),
        (np.ones((9, 9), complex), {}, 'it holds complex128'),
    ],
)
def test_a_first_image_that_does_not_fit_is_refused(
    image, settings, message, tmp_path
):
    path = str(tmp_path / 'image.npy')
    np.save(path, image)
    with pytest.raises(UserError, match=message):
        LoadMultichannelImage(**settings)(dict(img_path=path))


def test_later_ones_are_skipped_and_counted(tmp_path):
    np.save(tmp_path / 'a.npy', DEEP)
    np.save(tmp_path / 'b.npy', DEEP[..., :3])
    np.save(tmp_path / 'c.npy', np.array([{}], object), allow_pickle=True)
    np.save(tmp_path / 'd.npy', np.where(np.arange(5) == 4, np.nan, MEASURED))
    (tmp_path / 'e.npy').write_bytes((tmp_path / 'a.npy').read_bytes()[:-9])
    (tmp_path / 'f.tif').write_bytes(b'II*\0')
    np.save(tmp_path / 'g.npy', np.zeros((2000, 2000, 5), np.uint8))
    load = LoadMultichannelImage(max_pixels=10**6)
    names = sorted(tmp_path.iterdir())
    found = [load(dict(img_path=str(x))) for x in names]
    assert found[0] is not None
    assert not any(found[1:])
    assert load.skipped == len(names) - 1
    with pytest.raises(ValueError, match='no array of numbers of numpy'):
        load.read(str(tmp_path / 'c.npy'))


def test_statistics_are_those_of_all_pixels(tmp_path):
    """Of images of other sizes, far from 0, with what is missing."""
    images = [MEASURED + 1e6, DEEP[:7, :4].astype(np.float32) + 1e6]
    images[0][:3, :, 2] = np.nan
    for number, image in enumerate(images):
        (tmp_path / str(number)).mkdir()
        np.save(tmp_path / f'{number}/a.npy', image)
    (tmp_path / 'broken.tif').write_bytes(b'II*\0')
    found = channel_statistics(str(tmp_path), channels=5)
    for channel in range(5):
        values = [
            float(x)
            for image in images
            for x in image[..., channel].flat
            if x == x
        ]
        mean = sum(values) / len(values)
        variance = sum((x - mean) ** 2 for x in values) / len(values)
        assert found.mean[channel] == pytest.approx(mean, rel=1e-12)
        assert found.std[channel] == pytest.approx(variance**0.5, rel=1e-9)
        assert found.low[channel] == min(values)
        assert found.high[channel] == max(values)
    assert found.missing.tolist() == [0, 0, 27 / 136, 0, 0]
    assert found.images == 2
    [name] = found.unread
    more = replace(found, unread=[name] * 7)
    assert '# not read: 2 more' in str(more)
    assert name.startswith('broken.tif (')
    assert 'backbone=dict(in_channels=5)' in str(found)


def test_statistics_of_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match='no image below'):
        channel_statistics(str(tmp_path))
    (tmp_path / 'broken.tif').write_bytes(b'II*\0')
    with pytest.raises(UserError, match='no statistics of 1 images'):
        channel_statistics(str(tmp_path))
