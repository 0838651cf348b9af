"""Bytes of an image file as people expect the image, or why not."""

from io import BytesIO
from typing import Any

import mmcv
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from .transparency import is_transparent, on_white

# Half a gigabyte, and where Pillow refuses an image, too.
MAX_PIXELS = 178_956_970
USUAL = dict(flag='color', backend='cv2')
_SAMPLES_PER_PIXEL = 277  # a tag of TIFF
# Modes of Pillow for TIFF that OpenCV refuses, or reads as if unsigned.
_NO_RANGE = {'F': 'floating-point', 'I': 'signed or of 32 bits'}


def open_header(content: bytes, max_pixels: int | None) -> Any:
    """An image of Pillow's that is not decoded yet.

    Args:
        content: Of the file.
        max_pixels: Height times width, at most; ``None`` for no limit.

    Returns:
        ``None`` if Pillow does not know its format, as OpenCV may, or
        refuses to open so many pixels.

    Raises:
        ValueError: The file is empty, or has too many pixels.
    """
    if not content:
        raise ValueError('the file is empty')
    try:
        header = Image.open(BytesIO(content))
        size, pixels = header.size, header.width * header.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        header, size, pixels = None, ('?', '?'), MAX_PIXELS + 1
    except Exception:
        return None
    if max_pixels is not None and pixels > max_pixels:
        raise ValueError(
            f'it has {size[0]} x {size[1]} pixels, more than '
            f'max_pixels={max_pixels}'
        )
    return header


def decode(content: bytes, header: Any) -> np.ndarray | None:
    """An image as people expect it, by OpenCV wherever that does so.

    Args:
        content: Of the file.
        header: Of :func:`open_header`.

    Returns:
        ``(H, W, 3)`` uint8 in BGR, upright by its EXIF; ``None`` if it is no
        image. Grey is three equal channels, 16 bits are scaled to 8, of
        several frames or pages it is the first, and what is transparent is
        on white.

    Raises:
        ValueError: Its samples are of no known range.
    """
    if header is not None:
        if header.format == 'TIFF' and header.mode in _NO_RANGE:
            raise ValueError(
                f'its samples are {_NO_RANGE[header.mode]}, of no known '
                'range; convert them to 8 or 16 bits, unsigned'
            )
        if is_transparent(header):
            return on_white(header)
    elif (channels := _channels_of_tiff(content)) > 4:
        raise ValueError(
            f'it has {channels} channels, where images of 1 to 4 are read; '
            'mmdcl.LoadMultichannelImage reads others'
        )
    return mmcv.imfrombytes(content, **USUAL)


def _channels_of_tiff(content: bytes) -> int:
    """Which Pillow does not open; 0 if it is none."""
    if content[:4] not in (b'II*\0', b'MM\0*'):
        return 0
    try:
        tags = ImageFileDirectory_v2(content[:8])
        file = BytesIO(content)
        file.seek(tags.next)
        tags.load(file)
        return int(tags.get(_SAMPLES_PER_PIXEL, 1))
    except Exception:  # as many kinds as files can be damaged
        return 0
