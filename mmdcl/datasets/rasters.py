"""Files of any number of channels and any depth, as arrays."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePath
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import UserModuleNotFoundError

_GDAL_NODATA = 42113  # the tag in which GDAL says what no measurement is
# Axes as tifffile names them: samples, channels, pages, time, depth.
_OF_CHANNELS = 'SCITZ'
Check = Callable[[tuple[int, ...]], None]


class Raster(NamedTuple):
    """What a file holds.

    Attributes:
        values: Of two or three dimensions, or of another number, which
            cannot be used.
        axis: Of the channels, where the file says it.
        nodata: The value that stands for no measurement, where the file
            says it.
    """

    values: np.ndarray
    axis: int | None = None
    nodata: float | None = None


def read_raster(path: str, check: Check) -> Raster:
    """Read ``.npy``, ``.tif`` or what OpenCV reads.

    Args:
        path: Of the file.
        check: Called with its shape before it is decoded, to raise if that
            is too large.

    Raises:
        ModuleNotFoundError: A TIFF, and tifffile is not installed.
        ValueError: It cannot be decoded.
        OSError: It cannot be read.
    """
    return _READERS.get(PurePath(path).suffix.lower(), _picture)(path, check)


def _npy(path: str, check: Check) -> Raster:
    """An array of numpy, mapped and not read; no code in it is run."""
    try:
        values = np.load(path, mmap_mode='r', allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError('it is no array of numbers of numpy') from error
    check(values.shape)
    return Raster(values)


def _picture(path: str, check: Check) -> Raster:
    """What OpenCV reads, its colours as red, green and blue."""
    with suppress(UnidentifiedImageError), Image.open(path) as header:
        check((header.height, header.width))
    image = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError('it is not an image that can be decoded')
    if image.ndim == 3 and image.shape[2] in (3, 4):
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    return Raster(image, 2 if image.ndim == 3 else None)


def _tiff(path: str, check: Check) -> Raster:
    """Channels are samples of a page, interleaved or in planes, or pages."""
    try:
        import tifffile
    except ModuleNotFoundError as error:
        raise UserModuleNotFoundError(
            'TIFF files of many channels are read by tifffile: pip install '
            "'mmdcl[multichannel]'"
        ) from error
    with tifffile.TiffFile(path) as file:
        first, *others = file.series
        kind = (first.shape, first.dtype, 'YX')
        alike = [x for x in others if (x.shape, x.dtype, x.axes) == kind]
        check((*first.shape, 1 + len(alike)))
        tag = file.pages[0].tags.get(_GDAL_NODATA)
        nodata = _number(tag.value) if tag is not None else None
        if alike and len(alike) == len(others):  # a page a channel
            pages = [x.asarray() for x in file.series]
            return Raster(np.stack(pages, 2), 2, nodata)
        values = first.asarray()
        long = [i for i, size in enumerate(values.shape) if size > 1]
        axes = first.axes
        if len(axes) > 3 and len(long) <= 3:  # such as one page of samples
            of = [i for i, x in enumerate(axes) if x in 'YX' or i in long]
            values = values.reshape([values.shape[i] for i in of])
            axes = ''.join(axes[i] for i in of)
        beside = [i for i, x in enumerate(axes) if x not in 'YX']
        sure = len(beside) == 1 and axes[beside[0]] in _OF_CHANNELS
        return Raster(values, beside[0] if sure else None, nodata)


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


_READERS = {'.npy': _npy, '.tif': _tiff, '.tiff': _tiff}


def channels_last(raster: Raster, channels: int | None) -> np.ndarray:
    """The same ``(H, W, C)``.

    Where the file does not say which axis is that of the channels, it is the
    one that is as long as there shall be channels, or, where that is not
    said either, the shorter of first and last.

    Args:
        raster: Of a file.
        channels: How many there shall be, if that is known.

    Raises:
        ValueError: It has not so many, is no image, or is one in which the
            axis of the channels cannot be told.
    """
    values, axis = raster.values, raster.axis
    if values.dtype.kind not in 'buif':
        raise ValueError(f'it holds {values.dtype}, which are no numbers')
    if values.ndim == 2:
        values, axis = values[..., None], 2
    if values.ndim != 3 or not values.size:
        raise ValueError(
            f'it is an array of shape {values.shape}, not (H, W), (H, W, C) '
            'or (C, H, W)'
        )
    ends = [values.shape[0], values.shape[2]]
    if axis is None:
        wanted = min(ends) if channels is None else channels
        if ends.count(wanted) > 1:
            raise ValueError(
                f'of shape {values.shape} it may be (H, W, C) or (C, H, W); '
                'save it as TIFF that says which, or say `channels`'
            )
        if wanted in ends:
            axis = 2 * ends.index(wanted)
    found = min(ends)
    if axis is not None:
        values = np.moveaxis(values, axis, 2)
        found = values.shape[2]
    if channels is not None and (axis is None or found != channels):
        raise ValueError(
            f'it has {found} channel{"s" * (found > 1)} (its shape is '
            f'{raster.values.shape}), where channels={channels}'
        )
    return values
