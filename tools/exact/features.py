"""Unit embeddings of two views of real images, from a checkpoint."""

from pathlib import Path

import torch
from torch import Tensor

from mmdcl.configs import config_path
from mmdcl.functional import normalise

# Backbones that come with mmdcl, and whose images they were trained on.
SHIPPED = {
    'mmdcl://dcl_resnet18_digits': 'dcl_resnet18_1xb128_digits',
    'mmdcl://dcl_slimr18_cifar10': 'dcl_slimr18_1xb32_cifar10',
}
DIGITS = next(iter(SHIPPED))


def embeddings(
    checkpoint: str | Path,
    images: int = 128,
    data_root: str | Path | None = None,
    seed: int = 0,
    config: str | None = None,
) -> tuple[Tensor, str]:
    """Two views of training images, as trained on, in eval mode.

    Projections where the checkpoint has a neck. Of a backbone alone, its
    pooled features less their mean: after a ReLU all of them point one way,
    and a projection, which would undo that, is not in the file.

    Args:
        checkpoint: File, work_dir or ``mmdcl://`` address.
        images: How many, at most.
        data_root: Folder of the images; digits need none.
        seed: Of the images and their views.
        config: Name or file, of which network and images are instead of what
            the checkpoint says.

    Returns:
        ``(2, N, D)`` float64 of length 1, and what they are in words.
    """
    from mmdcl.report.pictures.pairs import gather_pairs

    config = config or SHIPPED.get(str(checkpoint))
    if config and not Path(config).exists():
        config = config_path(config)
    pairs = gather_pairs(checkpoint, config, images, seed, data_root)
    vectors = pairs.vectors.double()
    if pairs.projected:
        return normalise(vectors), 'projections'
    return normalise(vectors - vectors.mean((0, 1))), 'centred features'


def cosines(views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What each of the ``2N`` anchors is compared with.

    Args:
        views: ``(2, N, D)`` of length 1.

    Returns:
        Anchors ``(2N, D)``, which take a gradient that is theirs alone: the
        other side of each product is a constant; cosines with positives
        ``(2N,)`` and with negatives ``(2N, 2N - 2)``.
    """
    images = views.shape[1]
    rows = views.flatten(0, 1)
    anchors = rows.clone().requires_grad_()
    products = anchors @ rows.T
    itself = torch.eye(2 * images, dtype=torch.bool, device=rows.device)
    positive = itself.roll(images, 0)
    negative = ~(itself | positive)
    return anchors, products[positive], products[negative].view(len(rows), -1)
