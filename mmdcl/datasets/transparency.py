"""Images with an alpha channel, on white: below it there may be anything."""

import numpy as np
from PIL import Image, ImageOps

_ALPHA = ('RGBA', 'RGBa', 'LA', 'La', 'PA')
_KEYED = ('1', 'L', 'P', 'RGB')  # may name colours that are transparent


def is_transparent(header: Image.Image) -> bool:
    """Whether an image, not yet decoded, has an alpha channel or colour."""
    keyed = header.mode in _KEYED and 'transparency' in header.info
    return keyed or header.mode in _ALPHA


def on_white(image: Image.Image) -> np.ndarray:
    """An image of any mode with alpha, upright by its EXIF, on white.

    Returns:
        ``(H, W, 3)`` uint8 in BGR, as OpenCV reads it. Of 16 bits the upper
        8 remain.

    Raises:
        OSError: It cannot be decoded.
    """
    image = ImageOps.exif_transpose(image).convert('RGBA')
    white = Image.new('RGBA', image.size, 'white')
    white.alpha_composite(image)
    return np.ascontiguousarray(np.asarray(white)[..., 2::-1])
