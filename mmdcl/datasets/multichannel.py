"""Images of other than three channels, or of more than 8 bits."""

import logging
from collections.abc import Sequence

import numpy as np
from mmengine import fileio
from mmengine.logging import print_log

from ..arguments import require_number, require_whole
from ..errors import UserValueError
from ..registry import TRANSFORMS
from .decode import MAX_PIXELS
from .loading import LoadImageFromFile, counter, worker_number
from .rasters import Raster, channels_last, read_raster


@TRANSFORMS.register_module()
class LoadMultichannelImage(LoadImageFromFile):
    """Load ``.tif``, ``.npy`` or what OpenCV reads, of any channels and depth.

    Images come as float32 ``(H, W, C)``, values and order of channels as in
    the file (RGB, where it has three colours). A TIFF may have its channels
    interleaved, in planes or as pages. What is not finite, or says that there
    is no measurement, gets the mean of its band in this image. An image of
    another number of channels is an error if it is the first one, and else
    skipped and counted as one that cannot be read.

    Args:
        channels: Of each file; default: of the first one that is read. In
            ``.npy`` and in TIFF files that do not say which axis is that of
            the channels, it is the one of this length, or else the shorter
            of first and last.
        bands: Which channels to take, counted from 0, in this order; default:
            all. Pictures show the first three as red, green and blue.
        nodata: The value that stands for no measurement; default: what a
            TIFF of GDAL says.
        on_error: As in :class:`mmdcl.LoadImageFromFile`.
        max_pixels: As there.
        backend_args: As there.

    Raises:
        ModuleNotFoundError: A TIFF, and tifffile is not installed.
        ValueError: An argument cannot be used, or the first image has not
            these channels.
        OSError: As in :class:`mmdcl.LoadImageFromFile`.
    """

    def __init__(
        self,
        channels: int | None = None,
        bands: Sequence[int] | None = None,
        nodata: float | None = None,
        on_error: str = 'skip',
        max_pixels: int | None = MAX_PIXELS,
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(
            on_error=on_error,
            max_pixels=max_pixels,
            color_type='unchanged',
            backend_args=backend_args,
        )
        if channels is not None:
            require_whole('channels', channels)
        for band in [] if bands is None else bands:
            require_whole('bands', band, least=0)
        if bands is not None and not len(bands):
            raise UserValueError('`bands` names no channel; leave it out')
        if nodata is not None and nodata == nodata:
            require_number('nodata', nodata)
        self.channels = channels
        self.bands = None if bands is None else list(bands)
        self.nodata = nodata
        self._begun = False
        self._fills = counter()
        if channels is not None:
            self._check_bands(channels)

    def _check_bands(self, channels: int) -> None:
        if self.bands is not None and max(self.bands) >= channels:
            raise UserValueError(
                f'`bands` asks for channel {max(self.bands)}, but images '
                f'have {channels}, counted from 0'
            )

    def read(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        """An image as it is in the file, and what of it is missing.

        Returns:
            Float32 and bool, ``(H, W, C)`` each, of the bands to take.

        Raises:
            UserValueError: It is the first, and has other channels.
            ValueError: It cannot be decoded, or has other channels.
        """
        args = self.backend_args
        with fileio.get_local_path(path, backend_args=args) as local:
            raster = read_raster(local, self._check_size)
            values = self._channels_last(raster, path)
            if self.bands is not None:
                values = values[..., self.bands]
            image = np.array(values, dtype=np.float32)  # no longer mapped
            missing = ~np.isfinite(image)
            nodata = raster.nodata if self.nodata is None else self.nodata
            if nodata is not None:
                missing |= np.asarray(values == nodata)
        return image, missing

    def _channels_last(self, raster: Raster, path: str) -> np.ndarray:
        try:
            values = channels_last(raster, self.channels)
        except ValueError as error:
            if self._begun:
                raise
            raise UserValueError(
                f'{path}: {error}. Set `channels` of '
                'mmdcl.LoadMultichannelImage to what your files have, or '
                'remove the file'
            ) from error
        if not self._begun:
            self._check_bands(values.shape[2])
            self.channels, self._begun = values.shape[2], True
        return values

    def _check_size(self, shape: tuple[int, ...]) -> None:
        longest = sorted(shape)[-2:]
        pixels = int(np.prod(longest, dtype=np.int64))
        if self.max_pixels is not None and pixels > self.max_pixels:
            raise ValueError(
                f'it has {longest[0]} x {longest[1]} pixels, more than '
                f'max_pixels={self.max_pixels}'
            )

    def _load(self, path: str) -> np.ndarray:
        image, missing = self.read(path)
        if not missing.any():
            return image
        there = (~missing).sum((0, 1))
        if not there.all():
            empty = int(np.flatnonzero(there == 0)[0])
            raise ValueError(f'its band {empty} holds no data')
        self._fills[worker_number()] += 1
        times = int(self._fills.sum())
        if str(times).strip('0') == '1':  # 1, 10, 100, ...
            print_log(
                f'{path}: {missing.mean():.1%} of its values are no data and '
                f'get the mean of their band (so far in {times} images)',
                'current',
                logging.WARNING,
            )
        sums = np.where(missing, 0, image).sum((0, 1), dtype=np.float64)
        return np.where(missing, (sums / there).astype(np.float32), image)
