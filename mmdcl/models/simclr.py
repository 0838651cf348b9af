"""SimCLR whose gradient on many processes is that of one."""

from torch import Tensor

from ..functional import Contrast, Watched, two_view_contrast
from ..registry import MODELS
from .two_views import TwoViewAlgorithm


@MODELS.register_module()
class SimCLR(TwoViewAlgorithm):
    """Negatives are both views of all other images of the global batch.

    Each process computes the rows of its own anchors against the gathered
    columns, and gradients travel back to all of them. With a row head the
    averaged parameter gradient is that of one process with the whole batch;
    with upstream's ``SimCLR`` it is 1 / world size of it.

    Chen et al., ICML 2020, arXiv 2002.05709. Arguments as in
    :class:`~mmdcl.models.two_views.TwoViewAlgorithm`.
    """

    def contrast(
        self, view1: Tensor, view2: Tensor, data_samples: list | None
    ) -> tuple[Contrast, dict[str, Watched]]:
        contrast = two_view_contrast(
            view1, view2, self.head.temperature, self.tile
        )
        return contrast, {}
