"""Ground floor: tensors in, tensors out, nothing but torch.

Letters used for shapes: ``N`` anchors, ``K`` negatives of an anchor, ``B``
images on this process, ``G`` images on all processes, ``D`` width of an
embedding, ``Q`` queries, ``M`` bank rows, ``C`` classes.

Words, here and in :mod:`mmdcl.models`. A *row* is what a tensor holds for one
anchor, image or query: one index of its first dimension. *Columns* are what
rows are compared with. *Found* is what a search of neighbours returns. A
*step* is one batch of training.
"""

from .contrast import Contrast, two_view_contrast, view_contrast
from .contrast_classes import class_contrast
from .contrast_neighbors import neighbor_contrast, neighbors_contrast
from .gather import (
    Watched,
    gather_with_gradient,
    gather_without_gradient,
    global_means,
    log_mean_exp_with_gradient,
    mean_with_gradient,
    stream_rows,
)
from .geometry import (
    alignment,
    alpha_req,
    covariance_spectrum,
    effective_rank,
    lidar,
    rank_me,
    singular_values,
    spread,
    uniformity,
)
from .logits import log_sum_negatives, split_logits
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
    'alignment',
    'alpha_req',
    'class_contrast',
    'covariance_spectrum',
    'dcl',
    'effective_rank',
    'gather_with_gradient',
    'gather_without_gradient',
    'global_means',
    'info_nce',
    'knn_scores',
    'lidar',
    'log_mean_exp_with_gradient',
    'log_sum_negatives',
    'mean_with_gradient',
    'nearest',
    'neighbor_contrast',
    'neighbors_contrast',
    'normalise',
    'npc_multiplier',
    'rank_me',
    'singular_values',
    'split_logits',
    'spread',
    'stream_rows',
    'two_view_contrast',
    'uniformity',
    'view_contrast',
    'von_mises_fisher_weight',
    'vote',
]
