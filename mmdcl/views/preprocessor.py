"""Views to the device, normalised; what describes them stays on the host."""

from collections.abc import Mapping

from mmpretrain.models.utils.data_preprocessor import SelfSupDataPreprocessor
from torch import Tensor

from ..arguments import require_flag
from ..errors import UserTypeError
from ..registry import MODELS


@MODELS.register_module()
class ViewDataPreprocessor(SelfSupDataPreprocessor):
    """Upstream's ``SelfSupDataPreprocessor``, several times cheaper.

    Views are those of upstream, bit for bit. In training data samples stay
    on the host instead of being copied one by one, which waits for the device
    each time and costs more than the rest of a small step;
    :class:`mmdcl.NNCLR` sends what it needs of them. Outside of training it
    does what upstream's does.

    Args:
        non_blocking: Do not wait for pinned memory to be copied.
        **kwargs: As in upstream's: ``mean``, ``std``, ``to_rgb``, ...

    Raises:
        TypeError: Batches are not made by ``default_collate``.
    """

    def __init__(self, *args, non_blocking: bool = True, **kwargs) -> None:
        require_flag('non_blocking', non_blocking)
        require_flag('to_rgb', kwargs.get('to_rgb', False))
        super().__init__(*args, non_blocking=non_blocking, **kwargs)

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
        if not training:
            return super().forward(data, training)
        prepared = [self._prepared(view) for view in views]
        return dict(
            inputs=prepared[0] if one else prepared,
            data_samples=data.get('data_samples'),
        )

    def _prepared(self, view: Tensor) -> Tensor:
        images = view.to(self.device, non_blocking=self._non_blocking)
        if self._channel_conversion:
            # Of three, turning them round is far cheaper than choosing them.
            rgb = images.shape[1] == 3
            images = images.flip(1) if rgb else images[:, [2, 1, 0]]
        images = images.float()
        if not self._enable_normalize:
            return images
        fresh = images.data_ptr() != view.data_ptr()
        images = images.sub_(self.mean) if fresh else images - self.mean
        return images.div_(self.std)
