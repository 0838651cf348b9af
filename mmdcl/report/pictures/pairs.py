"""Which images a network holds for the same, and what of a loss is left."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..images.datasets import training_dataset
from ..images.material import (
    Tell,
    built,
    labels_of,
    look_at,
    positive_setting,
    turned_around,
)
from ..images.network import Network, open_network
from ..images.sampling import Sample, require_images
from ..runs.view_count import count_views
from .captions import heading
from .pair_panels import draw_concentration, draw_cosines, draw_coupling
from .pair_ranking import rank_pairs
from .pair_strips import draw_strips
from .style import look, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEMPERATURE = 0.1  # for heads that have none


@dataclass(frozen=True)
class Pairs:
    """Two views of each of some training images, and how near they are.

    Attributes:
        checkpoint: The file.
        sha256: Of the file.
        name: Of the run, its folder's.
        thumbnails: Of both views, each as in :class:`Material`.
        vectors: ``(2, N, P)`` float32 of both views: projections, or pooled
            features of a model that has no neck.
        projected: Whether they are projections.
        temperature: Of the head, if it has one.
        negatives: That an anchor has in training (in one process), where
            that is known.
        labels: As in :class:`Material`.
        classes: As in :class:`Material`.
        files: As in :class:`Material`.
        total: As in :class:`Material`.
    """

    checkpoint: Path
    sha256: str
    name: str
    thumbnails: tuple[list[np.ndarray], list[np.ndarray]] = field(repr=False)
    vectors: Tensor = field(repr=False)
    projected: bool
    temperature: float | None
    negatives: int | None
    labels: Tensor | None = field(repr=False)
    classes: tuple[str, ...] | None
    files: list[str] = field(repr=False)
    total: int


def gather_pairs(
    checkpoint: str | Path,
    config: str | Path | None = None,
    images: int = 512,
    seed: int = 0,
    data_root: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    trust: bool = False,
    tell: Tell | None = None,
) -> Pairs:
    """Two views of training images, as trained on, in eval mode.

    Args:
        checkpoint: As for :func:`gather_material`, like the rest.
        config: See there.
        images: At most so many, drawn at random.
        seed: Of what is drawn, views included.
        data_root: See there.
        options: See there.
        trust: See there.
        tell: See there.

    Raises:
        UserError: In one sentence, what is not there or does not fit.
    """
    require_images(images)
    network = open_network(checkpoint, config, options, trust)
    dataset = built(network, training_dataset(network.config), data_root)
    turned = turned_around(network)
    sample = Sample(dataset, images, seed, views=2, turned=turned)
    found = look_at(network, sample, 'train', tell)
    items = found[0].items
    projected = bool(found[0].projections)
    vectors = [
        torch.cat(each.projections if projected else each.features)
        for each in found
    ]
    labels, classes = labels_of(items, sample)
    head = getattr(network.model, 'head', None)
    temperature = getattr(head, 'temperature', None)
    given = isinstance(temperature, (int, float)) and temperature > 0
    return Pairs(
        checkpoint=network.path,
        sha256=network.sha256,
        name=network.name,
        thumbnails=(
            [x.thumbnails[0] for x in items],
            [x.thumbnails[1] for x in items],
        ),
        vectors=torch.stack(vectors),
        projected=projected,
        temperature=float(temperature) if given else None,
        negatives=_negatives(network),
        labels=labels,
        classes=classes,
        files=[x.file for x in items],
        total=sample.total,
    )


@look()
def draw_pairs(pairs: Pairs, count: int = 8) -> 'Figure':
    """The hardest negatives, the easiest and the hardest positives.

    A negative that is of the same class has a dashed orange frame and a
    cross. Below is what of the loss comes from whom.

    Args:
        pairs: Of at least 2 images.
        count: Of each kind, at most.
    """
    from matplotlib.figure import Figure

    temperature = pairs.temperature or _TEMPERATURE
    count = min(count, len(pairs.files) // 2)  # no pair in two rows
    ranking = rank_pairs(pairs.vectors, temperature, pairs.negatives)
    what = 'projections' if pairs.projected else 'features, without a neck,'
    what = f'the {what} of two views'
    fig = Figure(figsize=(12.5, 7.5), layout='constrained')
    fig.suptitle(plain(heading(pairs.name, pairs.checkpoint, what), 120))
    strips, panels = fig.subfigures(2, 1, height_ratios=(1.55, 1))
    rows = strips.subplots(3, 1)
    below = panels.subplots(1, 3)
    draw_strips(rows, pairs, ranking, count)
    draw_cosines(below[0], ranking)
    draw_concentration(below[1], ranking)
    negatives = pairs.negatives or 2 * (len(pairs.files) - 1)
    words = f'against {negatives:,} negatives, temperature {temperature:g}'
    if pairs.temperature is None:
        words += ' (as if)'
    draw_coupling(below[2], ranking, words)
    return fig


def _negatives(network: Network) -> int | None:
    queue = getattr(network.model, 'queue_len', None)
    if isinstance(queue, int) and queue > 0:
        return queue
    batch = positive_setting(network.config, 'train_dataloader', 'batch_size')
    from ..runs.recipe import all_views

    views = 1
    if all_views(network.model):
        views = count_views(network.config.get('train_dataloader')) or 2
    return views * (batch - 1) if batch and batch > 1 else None
