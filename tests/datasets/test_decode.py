"""Images of every kind that people have, as they expect them."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mmdcl.datasets import LoadImageFromFile

Y, X = np.mgrid[0:48, 0:64]
RGB = np.dstack([X * 4, Y * 5, X * 0 + 60]).astype(np.uint8)
GREY = RGB[..., 0]
ALPHA = np.select([X < 16, X < 32], [0, 128], 255).astype(np.uint8)
GARBAGE = np.where(ALPHA[..., None] > 0, RGB, np.uint8([255, 0, 255]))
LOSSLESS = dict(lossless=True, exact=True)  # for WebP
SUFFIXES = ('png', 'webp', 'tiff', 'bmp', 'jpg')


def read(path):
    found = LoadImageFromFile(on_error='stop')(dict(img_path=str(path)))
    assert found['img'].dtype == np.uint8
    return found['img'][..., ::-1].astype(int)


def saved(image, path, **kwargs):
    webp = path.suffix == '.webp'
    image.save(path, **kwargs, **(LOSSLESS if webp else dict(quality=98)))
    return path


def white_below(colours, alpha):
    share = alpha[..., None] / 255
    return np.broadcast_to(
        np.rint(colours * share + 255 * (1 - share)), (48, 64, 3)
    )


@pytest.mark.parametrize('suffix', SUFFIXES)
def test_grey_and_few_colours(suffix, tmp_path):
    grey = Image.fromarray(GREY)
    wanted = np.dstack([GREY] * 3)
    found = read(saved(grey, tmp_path / f'grey.{suffix}'))
    assert (found == found[..., :1]).all()
    assert abs(found - wanted).max() <= 2 * (suffix == 'jpg')
    if suffix in ('png', 'tiff', 'bmp'):
        few = Image.fromarray(RGB).quantize(64)
        found = read(saved(few, tmp_path / f'few.{suffix}'))
        assert (found == np.array(few.convert('RGB'))).all()


@pytest.mark.parametrize('suffix', ['png', 'webp', 'tiff'])
def test_what_is_transparent_is_on_white(suffix, tmp_path):
    image = Image.fromarray(np.dstack([GARBAGE, ALPHA]))
    found = read(saved(image, tmp_path / f'a.{suffix}'))
    assert abs(found - white_below(GARBAGE, ALPHA)).max() <= 1


def test_other_ways_to_be_transparent(tmp_path):
    grey = Image.merge('LA', (Image.fromarray(GREY), Image.fromarray(ALPHA)))
    found = read(saved(grey, tmp_path / 'grey.png'))
    assert abs(found - white_below(GREY[..., None], ALPHA)).max() <= 1

    few = Image.fromarray(RGB).quantize(64)
    alpha = bytes([0] * 32 + [255] * 32)
    found = read(saved(few, tmp_path / 'few.png', transparency=alpha))
    gone = np.array(few) < 32
    assert (found[gone] == 255).all()
    assert (found == np.array(few.convert('RGB')))[~gone].all()

    deep = np.dstack([GARBAGE[..., ::-1], ALPHA]).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / 'deep.png'), deep)
    found = read(tmp_path / 'deep.png')
    assert abs(found - white_below(GARBAGE, ALPHA)).max() <= 1


@pytest.mark.parametrize('suffix', ['png', 'tiff'])
def test_16_bits_are_scaled(suffix, tmp_path):
    for image in (GREY, RGB[..., ::-1]):
        path = tmp_path / f'deep{image.ndim}.{suffix}'
        cv2.imwrite(str(path), image.astype(np.uint16) * 257)
        wanted = RGB if image.ndim == 3 else np.dstack([GREY] * 3)
        assert (read(path) == wanted).all()


def test_inks_of_a_printer_are_colours(tmp_path):
    image = Image.fromarray(RGB).convert('CMYK')
    assert abs(read(saved(image, tmp_path / 'a.jpg')) - RGB).max() < 9
    assert abs(read(saved(image, tmp_path / 'a.tiff')) - RGB).max() < 2


@pytest.mark.parametrize('turned', range(1, 9))
def test_a_camera_that_was_turned(turned, tmp_path):
    exif = Image.Exif()
    exif[0x112] = turned
    path = saved(Image.fromarray(RGB), tmp_path / 'a.jpg', exif=exif)
    wanted = np.array(ImageOps.exif_transpose(Image.open(path)), int)
    assert abs(read(path) - wanted).max() < 9
    clear = Image.fromarray(np.dstack([RGB, ALPHA * 0 + 255]))
    found = read(saved(clear, tmp_path / 'a.png', exif=exif))
    assert found.shape == wanted.shape
    assert abs(found - wanted).max() < 25


def test_the_first_of_several_frames(tmp_path):
    image = Image.fromarray(RGB)
    for suffix in ('png', 'webp', 'tiff'):
        more = dict(save_all=True, append_images=[ImageOps.invert(image)])
        path = saved(image, tmp_path / f'a.{suffix}', **more)
        assert (read(path) == RGB).all()


def test_many_channels_are_said_and_not_by_opencv(tmp_path, capfd):
    path = tmp_path / 'bands.tif'
    cv2.imwritemulti(str(path), [np.zeros((4, 4), np.uint8)])
    content = bytearray(path.read_bytes())
    tag = content.index(b'\x15\x01')  # 277, samples per pixel
    content[tag + 8] = 5
    path.write_bytes(content)
    load = LoadImageFromFile(on_error='stop')
    with pytest.raises(OSError, match=r'5 channels.*LoadMultichannelImage'):
        load(dict(img_path=str(path)))
    assert 'OpenCV' not in capfd.readouterr().err


def broken(folder):
    """Files by what is said of them."""
    noise = np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8)
    for suffix in ('jpg', 'png', 'webp', 'bmp'):
        path = saved(Image.fromarray(noise), folder / f'half.{suffix}')
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        yield path, 'not an image that can be decoded'
    folder.joinpath('none.jpg').touch()
    yield folder / 'none.jpg', 'the file is empty'
    floats = Image.fromarray(GREY.astype(np.float32))
    yield saved(floats, folder / 'float.tiff'), 'samples are floating-point'
    wide = Image.fromarray(GREY.astype(np.int32))
    yield saved(wide, folder / 'wide.tiff'), 'samples are signed or of 32'


def test_what_cannot_be_read_is_said(tmp_path):
    for path, reason in broken(tmp_path):
        with pytest.raises(OSError, match=reason):
            read(path)
