"""Views to the device, normalised; what describes them stays on the host."""

from collections.abc import Mapping, Sequence

import torch
from mmpretrain.models.utils.data_preprocessor import SelfSupDataPreprocessor
from torch import Tensor

from ..arguments import require_flag, require_number
from ..errors import UserTypeError, UserValueError
from ..registry import MODELS


def _numbers(name: str, values: Sequence[float] | None) -> list[float]:
    values = [] if values is None else list(values)
    for value in values:
        require_number(name, value)
    if not values:
        raise UserValueError(
            f'`{name}` of the data_preprocessor has no number; give both '
            '`mean` and `std`, or none of them'
        )
    return values


@MODELS.register_module()
class ViewDataPreprocessor(SelfSupDataPreprocessor):
    """Upstream's ``SelfSupDataPreprocessor``, several times cheaper.

    Views are those of upstream, bit for bit, and may have any number of
    channels. In training data samples stay
    on the host instead of being copied one by one, which waits for the device
    each time and costs more than the rest of a small step;
    :class:`mmdcl.NNCLR` sends what it needs of them. Outside of training it
    does what upstream's does.

    Args:
        mean: Of each channel, or one for all; default: nothing is
            normalised.
        std: As many, > 0.
        non_blocking: Do not wait for pinned memory to be copied.
        **kwargs: As in upstream's: ``to_rgb``, ...

    Raises:
        TypeError: Batches are not made by ``default_collate``, or an
            argument is of another type.
        ValueError: ``mean`` and ``std`` cannot be used, or images have
            another number of channels.
    """

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        *args,
        non_blocking: bool = True,
        **kwargs,
    ) -> None:
        require_flag('non_blocking', non_blocking)
        require_flag('to_rgb', kwargs.get('to_rgb', False))
        super().__init__(
            None, None, *args, non_blocking=non_blocking, **kwargs
        )
        if mean is None and std is None:
            return
        mean, std = _numbers('mean', mean), _numbers('std', std)
        if len(mean) != len(std) or min(std) <= 0:
            raise UserValueError(
                '`mean` and `std` of the data_preprocessor must have a number '
                f'for each channel, those of `std` > 0, got {mean} and {std}'
            )
        if self._channel_conversion and len(mean) not in (1, 3):
            raise UserValueError(
                'the data_preprocessor cannot turn red and blue around '
                f'(`to_rgb`) in images of {len(mean)} channels, of which '
                '`mean` is; leave `to_rgb` out'
            )
        self._enable_normalize = True
        for name, values in (('mean', mean), ('std', std)):
            tensor = torch.tensor(values).view(-1, 1, 1)
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data: ``inputs``, views ``(B, C, H, W)`` in a list or one tensor,
                and ``data_samples`` of the ``B`` images, or none.
            training: Leave data samples on the host.

        Returns:
            Both, with ``inputs`` in float32 on the device.
        """
        views = data['inputs'] if isinstance(data, Mapping) else []
        one = isinstance(views, Tensor)
        views = [views] if one else views
        if not views or any(getattr(x, 'ndim', 0) != 4 for x in views):
            raise UserTypeError(
                'mmdcl.ViewDataPreprocessor needs stacked views (B, C, H, W), '
                "got each image's alone; set `collate_fn=dict(type="
                "'default_collate')` in the dataloader"
            )
        for view in views:
            self._check_channels(view.shape[1])
        if not training:
            return super().forward(data, training)
        prepared = [self._prepared(view) for view in views]
        return dict(
            inputs=prepared[0] if one else prepared,
            data_samples=data.get('data_samples'),
        )

    def _check_channels(self, channels: int) -> None:
        wanted = self.mean.numel() if self._enable_normalize else 1
        if self._channel_conversion and wanted == 1:
            wanted = 3
        if wanted not in (1, channels):
            raise UserValueError(
                f'images have {channels} channel{"s" * (channels > 1)}, and '
                f'the data_preprocessor is for {wanted}: set its `mean`, '
                '`std` and `to_rgb`, and model.backbone.in_channels, to what '
                'the images have, or load other images'
            )

    def _prepared(self, view: Tensor) -> Tensor:
        images = view.to(self.device, non_blocking=self._non_blocking)
        if self._channel_conversion:
            images = images.flip(1)
        images = images.float()
        if not self._enable_normalize:
            return images
        fresh = images is not view
        images = images.sub_(self.mean) if fresh else images - self.mean
        return images.div_(self.std)
