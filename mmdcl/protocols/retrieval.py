"""Rankings by cosine: ``mmdcl evaluate --protocol retrieval``."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..arguments import require_one_of, require_whole, several
from ..errors import UserValueError
from ..functional import normalise
from ..registry import LOOPS
from .loop import FrozenTestLoop
from .targets import Targets, require_single

_ENTRIES = 2**23  # of the table of cosines that is held at a time


@torch.no_grad()
def retrieval(
    queries: Tensor,
    labels: Tensor,
    gallery: Tensor,
    gallery_labels: Tensor,
    ks: Sequence[int],
    itself: bool = False,
) -> tuple[Tensor, Tensor]:
    """Average precision of each query's ranking, and whether it hits early.

    The whole gallery is ranked by cosine; of equal ones the first comes
    first. Relevant is what has the query's label. Exact: tiles bound memory
    and change nothing.

    Args:
        queries: ``(Q, D)``.
        labels: ``(Q,)``.
        gallery: ``(M, D)``, on the same device.
        gallery_labels: ``(M,)``.
        ks: Of recall.
        itself: The gallery is the queries: none finds itself.

    Returns:
        ``(Q,)`` average precisions in [0, 1], NaN where nothing is relevant;
        ``(Q, len(ks))``, whether one of the ``k`` nearest is relevant.
    """
    size = max(1, _ENTRIES // max(1, len(gallery)))
    unit = normalise(gallery)
    place = torch.arange(1, len(gallery) + 1, device=gallery.device)
    precisions, hits = [], []
    for begin in range(0, len(queries), size):
        tile = slice(begin, begin + size)
        cosines = normalise(queries[tile]) @ unit.T
        relevant = labels[tile, None] == gallery_labels
        if itself:
            own = torch.arange(len(cosines), device=cosines.device)
            cosines[own, own + begin] = -torch.inf
            relevant[own, own + begin] = False
        order = cosines.sort(dim=1, descending=True, stable=True).indices
        ranked = relevant.gather(1, order)
        found = ranked.cumsum(1)
        total = found[:, -1]
        gained = (found / place).masked_fill(~ranked, 0).double().sum(1)
        precisions.append((gained / total).cpu())
        last = [found[:, min(k, len(gallery)) - 1] > 0 for k in ks]
        hits.append(torch.stack(last, 1).cpu())
    return torch.cat(precisions), torch.cat(hits)


@LOOPS.register_module()
class RetrievalTestLoop(FrozenTestLoop):
    """Mean average precision and recall of rankings by cosine.

    Each test image ranks the gallery, whole; relevant are images of its
    class. ``recall@k`` is the share of the queries with a relevant image
    among the ``k`` nearest, as in metric learning. Queries that have nothing
    relevant are left out, with a word.

    Args:
        runner: The runner.
        dataloader: Of the test images.
        evaluator: ``[]``.
        gallery: ``'train'``, the training images, or ``'test'``: all other
            test images.
        ks: Of recall.
        bank_dataloader: As for :class:`FrozenTestLoop`.
        fp16: Extract features under autocast.

    Raises:
        ValueError: ``gallery`` is something else, ``k`` is larger than it,
            images have several labels, or no query has anything relevant.
    """

    _what = 'retrieval'

    def __init__(
        self,
        runner,
        dataloader: DataLoader | dict,
        evaluator: list | None = None,
        gallery: str = 'train',
        ks: Sequence[int] = (1, 5, 10),
        bank_dataloader: dict | None = None,
        fp16: bool = False,
    ) -> None:
        require_one_of('gallery', gallery, ('train', 'test'))
        self.ks = several('ks', ks)
        for k in self.ks:
            require_whole('ks', k)
        self.gallery = gallery
        super().__init__(runner, dataloader, evaluator, bank_dataloader, fp16)

    def check(self, train: Targets, test: Targets) -> None:
        require_single(test, 'retrieval')
        theirs = test if self.gallery == 'test' else train
        there = len(theirs.labels) - (self.gallery == 'test')
        if max(self.ks) > there:
            raise UserValueError(
                f'recall@{max(self.ks)} needs as many images, but the gallery '
                f'has {there}; set --cfg-options test_cfg.ks=[1]'
            )
        known, counts = np.unique(theirs.labels, return_counts=True)
        known = known[counts > (self.gallery == 'test')]
        if not np.isin(test.labels, known).any():
            raise UserValueError(
                'no test image has another of its class in the gallery, so '
                'that there is nothing to retrieve; give images of the same '
                'classes'
            )

    def bank_features(self) -> tuple[Tensor, Tensor, Tensor]:
        if self.gallery == 'train':
            return super().bank_features()
        none = torch.zeros(0, dtype=torch.long)
        return torch.zeros(0, 0), none, none

    def measure(
        self, train: Tensor, y_train: Targets, test: Tensor, y_test: Targets
    ) -> dict[str, float]:
        device = next(self.runner.model.parameters()).device
        itself = self.gallery == 'test'
        gallery, theirs = (test, y_test) if itself else (train, y_train)
        precisions, hits = retrieval(
            test.to(device),
            torch.from_numpy(y_test.labels).to(device),
            gallery.to(device),
            torch.from_numpy(theirs.labels).to(device),
            self.ks,
            itself,
        )
        asked = ~precisions.isnan()
        if without := int((~asked).sum()):
            self.runner.logger.warning(
                f'retrieval: left out {without} test images that have no '
                'other of their class in the gallery'
            )
        share = 100 * hits[asked].double().mean(0)
        return {
            'mAP': 100 * float(precisions[asked].mean()),
            **{
                f'recall@{k}': float(x)
                for k, x in zip(self.ks, share, strict=True)
            },
        }
