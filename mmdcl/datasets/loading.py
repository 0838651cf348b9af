"""Load an image, and survive the one in a million that cannot be read."""

import logging
from typing import ClassVar

import mmcv
import numpy as np
import torch
from mmcv.transforms import LoadImageFromFile as UpstreamLoadImageFromFile
from mmengine import fileio
from mmengine.logging import print_log
from torch.utils.data import get_worker_info

from ..arguments import require_one_of, require_whole
from ..errors import UserError, UserOSError, UserValueError
from ..registry import TRANSFORMS
from .decode import MAX_PIXELS, USUAL, decode, open_header

_MAX_WORKERS = 256
_TOO_MANY_IN_A_ROW = 20


def counter() -> torch.Tensor:
    """A number for each worker in shared memory: no lock, no lost update."""
    return torch.zeros(_MAX_WORKERS, dtype=torch.long).share_memory_()


def worker_number() -> int:
    """Where in :func:`counter` this process counts."""
    worker = get_worker_info()
    return (worker.id if worker else 0) % _MAX_WORKERS


@TRANSFORMS.register_module()
class LoadImageFromFile(UpstreamLoadImageFromFile):
    """Upstream's loader that names, counts and skips an unreadable image.

    With upstream's defaults it reads what OpenCV gets wrong as
    :func:`decode` says; all else keeps its bits.

    A skipped training image is replaced by a random other one (by upstream's
    dataset); the kNN loops leave it out of the bank, and refuse it among the
    images to classify. An image that is there already is left as it is:
    mmpretrain's inferencers load images themselves, and remove only loaders
    that are called like upstream's.

    Args:
        on_error: ``'skip'`` logs the file and the reason, once in each
            process, and how often any was skipped so far of this dataset on
            this rank, all workers together; ``'stop'`` raises.
        max_pixels: An image of more, in height times width, counts as
            unreadable and is not decoded: a file of a few kilobytes may
            unpack to gigabytes. ``None`` decodes any.
        **kwargs: As in upstream's transform.

    Raises:
        ValueError: ``on_error`` or ``max_pixels`` is something else.
        OSError: An image cannot be read, and ``on_error='stop'``; or many
            in a row, which is not an accident.
    """

    # Of all loaders in this process: kNN and the report read images again.
    _named: ClassVar[set[str]] = set()

    def __init__(
        self,
        on_error: str = 'skip',
        max_pixels: int | None = MAX_PIXELS,
        **kwargs,
    ) -> None:
        require_one_of('on_error', on_error, ('skip', 'stop'))
        require_whole('max_pixels', 1 if max_pixels is None else max_pixels, 0)
        if max_pixels is not None and not 0 < max_pixels <= MAX_PIXELS:
            raise UserValueError(
                f'`max_pixels` is 1 to {MAX_PIXELS}, or None for no limit, '
                f'got {max_pixels!r}'
            )
        super().__init__(**kwargs)
        self.on_error = on_error
        self.max_pixels = max_pixels
        self._skips = counter()
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
        header = open_header(content, self.max_pixels)
        how = dict(flag=self.color_type, backend=self.imdecode_backend)
        if how == USUAL:
            image = decode(content, header)
        else:
            image = mmcv.imfrombytes(content, **how)
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
        except UserError:  # of a setting, not of this image
            raise
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
            self._skips[worker_number()] += 1
            if path not in self._named:
                self._named.add(path)
                print_log(
                    f'skipped unreadable image {path} ({reason}); '
                    f'{self.skipped} skipped so far',
                    logger='current',
                    level=logging.ERROR,
                )
            return None
