"""What is refused before it is decoded, and what is not loaded twice."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile as UpstreamLoadImageFromFile

from mmdcl.datasets import LoadImageFromFile


def bomb(width, height):
    """A PNG of a few kilobytes that unpacks to width x height pixels."""

    def chunk(kind, data):
        sum_ = zlib.crc32(kind + data)
        return (
            struct.pack('>I', len(data))
            + kind
            + data
            + struct.pack('>I', sum_)
        )

    head = struct.pack('>IIBBBBB', width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height, 9)
    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', head)
        + chunk(b'IDAT', rows)
        + chunk(b'IEND', b'')
    )


@pytest.mark.parametrize(
    ('size', 'limit'),
    [((20_000, 20_000), {}), ((64, 48), dict(max_pixels=64 * 48 - 1))],
)
def test_a_decompression_bomb_is_skipped_and_counted(
    size, limit, tmp_path, monkeypatch
):
    path = tmp_path / 'bomb.png'
    path.write_bytes(bomb(*size))
    assert path.stat().st_size < 100_000
    decoded, said = [], []
    monkeypatch.setattr('mmcv.imfrombytes', decoded.append)
    monkeypatch.setattr(
        'mmdcl.datasets.loading.print_log',
        lambda text, **_: said.append(text),
    )
    load = LoadImageFromFile(**limit)
    assert load(dict(img_path=str(path))) is None
    assert not decoded
    assert load.skipped == 1
    [line] = said
    assert f'skipped unreadable image {path} (' in line
    assert 'pixels, more than max_pixels=' in line
    assert '1 skipped so far' in line
    again = LoadImageFromFile(**limit)  # of another dataset, or the report
    assert again(dict(img_path=str(path))) is None
    assert again.skipped == len(said) == 1


def test_up_to_the_limit_it_is_upstreams(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    for suffix in ('.png', '.jpg', '.webp', '.tiff', '.bmp', '.ppm'):
        path = str(tmp_path / f'image{suffix}')
        cv2.imwrite(path, image)
        wanted = UpstreamLoadImageFromFile()(dict(img_path=path))
        for limit in (64 * 48, None):
            load = LoadImageFromFile(on_error='stop', max_pixels=limit)
            found = load(dict(img_path=path))
            assert found.keys() == wanted.keys()
            np.testing.assert_array_equal(found['img'], wanted['img'])
            assert found['img_shape'] == wanted['img_shape']
            assert found['ori_shape'] == wanted['ori_shape']


def test_an_image_that_is_there_stays(tmp_path):
    there = dict(img=np.ones((2, 2, 3), np.uint8))
    assert LoadImageFromFile()(there) is there


def test_the_limit_is_checked():
    for limit in (0, 10**9):
        with pytest.raises(ValueError, match='`max_pixels` is 1 to'):
            LoadImageFromFile(max_pixels=limit)
