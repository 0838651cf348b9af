"""Load an image, and survive the one in a million that cannot be read."""

import logging
from io import BytesIO

import mmcv
import numpy as np
import torch
from mmcv.transforms import LoadImageFromFile as UpstreamLoadImageFromFile
from mmengine import fileio
from mmengine.logging import print_log
from PIL import Image
from torch.utils.data import get_worker_info

from ..arguments import require_whole
from ..errors import UserOSError, UserValueError
from ..registry import TRANSFORMS

_MAX_WORKERS = 256
_TOO_MANY_IN_A_ROW = 20
# Half a gigabyte, and where Pillow refuses an image, too.
_MAX_PIXELS = 178_956_970


def check_pixels(content: bytes, max_pixels: int) -> None:
    """Refuse an image by its header, before it is decoded.

    Args:
        content: Of the file.
        max_pixels: Height times width, at most.

    Raises:
        ValueError: It would have more.
    """
    try:
        with Image.open(BytesIO(content)) as image:
            size, pixels = image.size, image.width * image.height
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        size, pixels = ('?', '?'), _MAX_PIXELS + 1
    except Exception:  # OpenCV knows formats that Pillow does not
        return
    if pixels > max_pixels:
        raise ValueError(
            f'it has {size[0]} x {size[1]} pixels, more than '
            f'max_pixels={max_pixels}'
        )


@TRANSFORMS.register_module()
class LoadImageFromFile(UpstreamLoadImageFromFile):
    """Upstream's loader that names, counts and skips an unreadable image.

    A skipped training image is replaced by a random other one (by upstream's
    dataset); the kNN loops leave it out of the bank, and refuse it among the
    images to classify. An image that is there already is left as it is:
    mmpretrain's inferencers load images themselves, and remove only loaders
    that are called like upstream's.

    Args:
        on_error: ``'skip'`` logs the file, the reason and how often this has
            happened so far to this dataset on this rank, all workers
            together; ``'stop'`` raises.
        max_pixels: An image of more, in height times width, counts as
            unreadable and is not decoded: a file of a few kilobytes may
            unpack to gigabytes. ``None`` decodes any.
        **kwargs: As in upstream's transform.

    Raises:
        ValueError: ``on_error`` or ``max_pixels`` is something else.
        OSError: An image cannot be read, and ``on_error='stop'``; or many
            in a row, which is not an accident.
    """

    def __init__(
        self,
        on_error: str = 'skip',
        max_pixels: int | None = _MAX_PIXELS,
        **kwargs,
    ) -> None:
        if on_error not in ('skip', 'stop'):
            raise UserValueError(
                f"`on_error` is 'skip' or 'stop', got {on_error!r}"
            )
        require_whole('max_pixels', 1 if max_pixels is None else max_pixels, 0)
        if max_pixels is not None and not 0 < max_pixels <= _MAX_PIXELS:
            raise UserValueError(
                f'`max_pixels` is 1 to {_MAX_PIXELS}, or None for no limit, '
                f'got {max_pixels!r}'
            )
        super().__init__(**kwargs)
        self.on_error = on_error
        self.max_pixels = max_pixels
        # One counter a worker in shared memory: no lock, no lost update.
        self._skips = torch.zeros(_MAX_WORKERS, dtype=torch.long)
        self._skips.share_memory_()
        self._in_a_row = 0

    @property
    def skipped(self) -> int:
        """How many times an image was skipped, over all workers."""
        return int(self._skips.sum())

    def _load(self, path: str) -> np.ndarray:
        if self.file_client_args is None:
            content = fileio.get(path, backend_args=self.backend_args)
        else:
            client = fileio.FileClient.infer_client(
                self.file_client_args, path
            )
            content = client.get(path)
        if self.max_pixels is not None:
            check_pixels(content, self.max_pixels)
        image = mmcv.imfrombytes(
            content, flag=self.color_type, backend=self.imdecode_backend
        )
        if image is None:
            raise ValueError('it is not an image that can be decoded')
        return image.astype(np.float32) if self.to_float32 else image

    def transform(self, results: dict) -> dict | None:
        if results.get('img') is not None:
            return results
        path = results['img_path']
        try:
            image = self._load(path)
            self._in_a_row = 0
            shape = image.shape[:2]
            return {
                **results,
                'img': image,
                'img_shape': shape,
                'ori_shape': shape,
            }
        except Exception as error:
            if self.ignore_empty:
                return None
            reason = f'{type(error).__name__}: {error}'
            if self.on_error == 'stop':
                raise UserOSError(
                    f'cannot read image {path} ({reason}); repair or remove '
                    "it, or set on_error='skip' in LoadImageFromFile"
                ) from error
            self._in_a_row += 1
            if self._in_a_row == _TOO_MANY_IN_A_ROW:
                raise UserOSError(
                    f'{self._in_a_row} images in a row cannot be read, the '
                    f'last is {path} ({reason}); is the data folder right?'
                ) from error
            worker = get_worker_info()
            self._skips[(worker.id if worker else 0) % _MAX_WORKERS] += 1
            print_log(
                f'skipped unreadable image {path} ({reason}); '
                f'{self.skipped} skipped so far',
                logger='current',
                level=logging.ERROR,
            )
            return None
