"""Load an image, and survive the one in a million that cannot be read."""

import logging

import torch
from mmcv.transforms import LoadImageFromFile as UpstreamLoadImageFromFile
from mmengine.logging import print_log
from torch.utils.data import get_worker_info

from ..registry import TRANSFORMS

_MAX_WORKERS = 256
_TOO_MANY_IN_A_ROW = 20


@TRANSFORMS.register_module()
class LoadImageFromFile(UpstreamLoadImageFromFile):
    """Upstream's loader that names, counts and skips an unreadable image.

    A skipped training image is replaced by a random other one (by upstream's
    dataset); the kNN loops leave it out of the bank, and refuse it among the
    images to classify.

    Args:
        on_error: ``'skip'`` logs the file, the reason and how often this has
            happened so far to this dataset on this rank, all workers
            together; ``'stop'`` raises.
        **kwargs: As in upstream's transform.

    Raises:
        ValueError: ``on_error`` is something else.
        OSError: An image cannot be read, and ``on_error='stop'``; or many
            in a row, which is not an accident.
    """

    def __init__(self, on_error: str = 'skip', **kwargs) -> None:
        if on_error not in ('skip', 'stop'):
            raise ValueError(
                f"`on_error` is 'skip' or 'stop', got {on_error!r}"
            )
        super().__init__(**kwargs)
        self.on_error = on_error
        # One counter a worker in shared memory: no lock, no lost update.
        self._skips = torch.zeros(_MAX_WORKERS, dtype=torch.long)
        self._skips.share_memory_()
        self._in_a_row = 0

    @property
    def skipped(self) -> int:
        """How many times an image was skipped, over all workers."""
        return int(self._skips.sum())

    def transform(self, results: dict) -> dict | None:
        path = results['img_path']
        try:
            results = super().transform(results)
            self._in_a_row = 0
            return results
        except Exception as error:
            reason = f'{type(error).__name__}: {error}'
            if self.on_error == 'stop':
                raise OSError(
                    f'cannot read image {path} ({reason}); repair or remove '
                    "it, or set on_error='skip' in LoadImageFromFile"
                ) from error
            self._in_a_row += 1
            if self._in_a_row == _TOO_MANY_IN_A_ROW:
                raise OSError(
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
