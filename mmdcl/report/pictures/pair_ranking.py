"""Hardest and easiest pairs of two views, and their share of a loss.

Letters: ``N`` images of two views each, so ``2N`` anchors, each with
``2(N - 1)`` negatives: both views of the other images.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...functional import normalise, npc_multiplier

_CHUNK = 512  # anchors at a time
_BINS = 40  # of cosines, from -1 to 1


class Pair(NamedTuple):
    """Two views, by their images and which view of it each is.

    Attributes:
        images: Indices.
        views: 0 or 1 each.
        cosine: In [-1, 1].
        share: Of a negative: which part it is of all negatives of the first
            of the two, as exp(cosine / temperature), in (0, 1). Of a
            positive: its q, the factor by which InfoNCE shrinks its
            gradient.
    """

    images: tuple[int, int]
    views: tuple[int, int]
    cosine: float
    share: float


@dataclass(frozen=True)
class Ranking:
    """All pairs of some images.

    Attributes:
        positives: ``(N,)`` cosines of the two views of each image.
        q: ``(2N,)`` of all anchors, the first views first.
        nearest: ``(2N,)`` the hardest negative of each anchor, by the number
            of its view: ``view * N + image``.
        cosines: ``(2N,)`` with it.
        shares: ``(2N,)`` of it among the negatives of the anchor.
        histogram: ``(40,)`` counts of the negatives' cosines from -1 to 1.
        concentration: ``(2(N - 1),)`` share of the hardest 1, 2, 3, ...
            negatives of an anchor in all of its, the mean over anchors.
    """

    positives: Tensor
    q: Tensor
    nearest: Tensor
    cosines: Tensor
    shares: Tensor
    histogram: Tensor
    concentration: Tensor

    def hardest_negatives(self, count: int) -> list[Pair]:
        """Of the highest cosine; each image is in one of them at most."""
        images, found, seen = len(self.positives), [], set()
        for anchor in self.cosines.argsort(descending=True).tolist():
            other = int(self.nearest[anchor])
            both = anchor % images, other % images
            if len(found) < count and not seen & {*both}:
                seen |= {*both}
                views = anchor // images, other // images
                cosine = float(self.cosines[anchor])
                share = float(self.shares[anchor])
                found.append(Pair(both, views, cosine, share))
        return found

    def positive_pairs(self, count: int, hardest: bool) -> list[Pair]:
        """Of the lowest cosine, or of the highest."""
        images = len(self.positives)
        order = self.positives.argsort(descending=not hardest)[:count]
        return [
            Pair(
                (image, image),
                (0, 1),
                float(self.positives[image]),
                float(self.q[[image, images + image]].mean()),
            )
            for image in order.tolist()
        ]


def rank_pairs(
    vectors: Tensor, temperature: float, negatives: int | None = None
) -> Ranking:
    """Compare all views of some images with each other.

    Args:
        vectors: ``(2, N, P)`` of both views, ``N >= 2``.
        temperature: > 0.
        negatives: How many an anchor has in training, which q is for: as
            many like those here. Default: those here.
    """
    images = vectors.shape[1]
    z = normalise(vectors.flatten(0, 1).float())
    number = torch.arange(2 * images)
    positives = (z[:images] * z[images:]).sum(1).clamp(-1, 1)
    histogram = torch.zeros(_BINS)
    concentration = torch.zeros(2 * (images - 1), dtype=torch.float64)
    rows = []
    for part in number.split(_CHUNK):
        cosines = (z[part] @ z.T).clamp(-1, 1)
        own = number % images == (part % images)[:, None]
        others = cosines[~own].view(len(part), -1)
        histogram += torch.histc(others, _BINS, -1, 1)
        share = torch.softmax(others / temperature, 1)
        hardest = share.sort(1, descending=True).values
        concentration += hardest.double().cumsum(1).sum(0)
        best = cosines.masked_fill(own, -2).max(1)
        s = torch.logsumexp(others / temperature, 1)
        rows.append((best.values, best.indices, s, hardest[:, 0]))
    cosines, nearest, s, shares = map(torch.cat, zip(*rows, strict=True))
    if negatives is not None:
        s = s + math.log(negatives / (2 * (images - 1)))
    q = npc_multiplier(positives.repeat(2), s, temperature)
    return Ranking(
        positives=positives,
        q=q,
        nearest=nearest,
        cosines=cosines,
        shares=shares,
        histogram=histogram,
        concentration=concentration / (2 * images),
    )
