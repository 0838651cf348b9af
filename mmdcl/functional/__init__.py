"""Ground floor: tensors in, tensors out, nothing but torch.

Letters used for shapes: ``N`` anchors, ``K`` negatives of an anchor, ``B``
images on this process, ``G`` images on all processes, ``D`` width of an
embedding, ``Q`` queries, ``M`` bank rows, ``C`` classes; of images, where
``B`` is any number of them, ``H`` and ``W`` pixels.
"""

from .contrast import (
    Contrast,
    log_sum_negatives,
    neighbor_contrast,
    two_view_contrast,
)
from .gather import (
    Watched,
    gather,
    gather_rows,
    global_means,
    stream_rows,
)
from .losses import (
    dcl,
    info_nce,
    npc_multiplier,
    von_mises_fisher_weight,
)
from .neighbors import knn_scores, nearest, vote
from .unit import normalise

__all__ = [
    'Contrast',
    'Watched',
    'dcl',
    'gather',
    'gather_rows',
    'global_means',
    'info_nce',
    'knn_scores',
    'log_sum_negatives',
    'nearest',
    'neighbor_contrast',
    'normalise',
    'npc_multiplier',
    'stream_rows',
    'two_view_contrast',
    'von_mises_fisher_weight',
    'vote',
]
