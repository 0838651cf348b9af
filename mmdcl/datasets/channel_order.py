"""Blue, green, red or red, green, blue, whatever an image came in."""

from mmcv.transforms import BaseTransform
from numpy import ascontiguousarray

from ..arguments import require_one_of
from ..registry import TRANSFORMS


@TRANSFORMS.register_module()
class ChannelOrder(BaseTransform):
    """Give images in one order of their channels.

    Datasets of mmdcl say theirs by ``channel_order`` of each image. Images
    from files are BGR, as mmcv reads them, and so are those that mmpretrain's
    inferencers read; images of other datasets that hold them in memory are
    left as they are.

    Args:
        order: ``'rgb'`` or ``'bgr'``.

    Raises:
        ValueError: ``order`` is something else.
    """

    def __init__(self, order: str) -> None:
        require_one_of('order', order, ('rgb', 'bgr'))
        self.channel_order = order

    def transform(self, results: dict) -> dict:
        # An inferencer's image is in no dataset and has no index there.
        from_file = 'img_path' in results or 'sample_idx' not in results
        unless_said = 'bgr' if from_file else self.channel_order
        order = results.get('channel_order', unless_said)
        image = results['img']
        if order != self.channel_order and image.shape[2:] == (3,):
            results['img'] = ascontiguousarray(image[..., ::-1])
        results['channel_order'] = self.channel_order
        return results
