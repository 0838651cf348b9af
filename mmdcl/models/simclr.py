"""SimCLR whose gradient on many processes is that of one."""

from collections.abc import Sequence

from torch import Tensor

from ..functional import Contrast, Watched
from ..functional.gather import Peers
from ..registry import MODELS
from .algorithm import ContrastiveAlgorithm


@MODELS.register_module()
class SimCLR(ContrastiveAlgorithm):
    """Negatives are all views of all other images of the global batch.

    Each process computes the rows of its own anchors against the gathered
    columns, and gradients travel back to all of them. With a row head the
    averaged parameter gradient is that of one process with the whole batch;
    with upstream's ``SimCLR`` it is 1 / world size of it.

    With more than two views (multi-crop) each pair of an anchor and a
    positive counts once, and each anchor has all views of other images as
    negatives.

    Chen et al., ICML 2020, arXiv 2002.05709. Arguments as in
    :class:`~mmdcl.models.algorithm.ContrastiveAlgorithm`.
    """

    def contrast(
        self,
        views: Sequence[Tensor],
        large: int,
        peers: Peers,
        data_samples: list | None,
    ) -> tuple[Contrast, dict[str, Watched]]:
        contrast = self.head.contrast(views, tile=self.tile, peers=peers)
        return contrast, self.head.watched(contrast.pos)
