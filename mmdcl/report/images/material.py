"""What a network says of some images: the stuff that pictures are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import UserValueError
from .datasets import build_dataset, choose_split, plain_dataset
from .network import Network, open_network
from .sampling import Item, Sample, batches, require_images

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Material:
    """Images of a split, and what a network makes of them.

    Attributes:
        checkpoint: The file.
        sha256: Of the file.
        name: Of the run, its folder's.
        thumbnails: Uint8 RGB ``(h, w, 3)``, at most 64 px.
        features: ``(N, D)`` float32 of the backbone, pooled, in eval mode.
        projections: ``(N, P)`` where the model has a neck that projects.
        labels: ``(N,)`` where each image has exactly one.
        classes: Their names, where they are known.
        files: What a user knows the images by.
        total: Images of the dataset, of which these ``N`` were drawn.
        split: ``'val'``, ``'train'`` or ``'test'``.
        left_out: How many of the drawn could not be read.
    """

    checkpoint: Path
    sha256: str
    name: str
    thumbnails: list[np.ndarray] = field(repr=False)
    features: Tensor = field(repr=False)
    projections: Tensor | None = field(repr=False)
    labels: Tensor | None = field(repr=False)
    classes: tuple[str, ...] | None
    files: list[str] = field(repr=False)
    total: int
    split: str
    left_out: int = 0


def gather_material(
    checkpoint: str | Path,
    config: str | Path | None = None,
    images: int = 2000,
    split: str | None = None,
    seed: int = 0,
    data_root: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    trust: bool = False,
    tell: Tell | None = None,
) -> Material:
    """Look at images with the network of a checkpoint.

    The same arguments give the same material; nobody else's random numbers
    are drawn.

    Args:
        checkpoint: File, or a work_dir: its newest good one.
        config: File of a config instead of the one in the checkpoint.
        images: At most so many, drawn at random.
        split: Whose; default: the first of val, train and test there is.
        seed: Of what is drawn, >= 0.
        data_root: Folder of the images; default: the config's.
        options: Values that the config gets instead, by their keys.
        trust: Read and build whatever the checkpoint holds.
        tell: Told now and then how far it is.

    Raises:
        UserError: In one sentence, what is not there or does not fit.
    """
    require_images(images)
    network = open_network(checkpoint, config, options, trust)
    split = choose_split(network.config, split)
    dataset = plain_dataset(network.config, split)
    dataset = built(network, dataset, data_root)
    sample = Sample(dataset, images, seed, turned=turned_around(network))
    [found] = look_at(network, sample, split, tell)
    labels, classes = labels_of(found.items, sample)
    return Material(
        checkpoint=network.path,
        sha256=network.sha256,
        name=network.name,
        thumbnails=[x.thumbnails[0] for x in found.items],
        features=torch.cat(found.features),
        projections=torch.cat(found.projections)
        if found.projections
        else None,
        labels=labels,
        classes=classes,
        files=[x.file for x in found.items],
        total=sample.total,
        split=split,
        left_out=len(sample) - len(found.items),
    )


def built(
    network: Network, dataset: dict, data_root: str | Path | None
) -> Any:
    """A dataset of the network's config."""
    scope = network.config.get('default_scope')
    return build_dataset(dataset, network.trusted, data_root, scope)


def turned_around(network: Network) -> bool:
    """Whether the network exchanges red and blue before it looks."""
    preprocessor = network.model.data_preprocessor
    otherwise = getattr(preprocessor, 'to_rgb', False)
    return bool(getattr(preprocessor, '_channel_conversion', otherwise))


class Found:
    """What a network made of batch after batch."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.features: list[Tensor] = []
        self.projections: list[Tensor] = []

    def add(self, network: Network, items: Sequence[Item], view: int) -> None:
        """Look at one view of some images of one size."""
        images = torch.stack([x.views[view] for x in items])
        features, projections = network.features(images)
        for vectors in (features, projections):
            if vectors is not None and not vectors.isfinite().all():
                bad = int((~vectors.isfinite().all(1)).nonzero()[0])
                raise UserValueError(
                    'the network gives NaN or infinite features, first for '
                    f'{items[bad].file}; its weights or the image are bad'
                )
        self.items += [x._replace(views=[]) for x in items]
        self.features.append(features)
        if projections is not None:
            self.projections.append(projections)


def look_at(
    network: Network, sample: Sample, split: str, tell: Tell | None = None
) -> list[Found]:
    """All that can be read of a sample, a :class:`Found` for each view.

    Raises:
        UserValueError: That is less than 2 images, or what the network makes
            of one is not finite.
    """
    loader = f'{split}_dataloader'
    workers = positive_setting(network.config, loader, 'num_workers') or 0
    found = [Found() for _ in range(sample.views)]
    for items in batches(sample, workers, tell):
        for view, each in enumerate(found):
            each.add(network, items, view)
    read = len(found[0].items)
    if read < 2:
        raise UserValueError(
            f'only {read} of {len(sample)} images can be read, and a picture '
            'compares images; choose others by --split or --data-root'
        )
    return found


def positive_setting(config: Any, *keys: str) -> int | None:
    """A whole number of a config, if it is there and positive."""
    for key in keys:
        config = config.get(key) if hasattr(config, 'get') else None
    return config if isinstance(config, int) and config > 0 else None


def labels_of(
    items: Sequence[Item], sample: Sample
) -> tuple[Tensor | None, tuple[str, ...] | None]:
    """Labels and names of classes, if each image has exactly one."""
    labels = [x.label for x in items]
    if None in labels:
        return None, None
    classes = sample.classes
    if classes is not None and not 0 <= min(labels) <= max(labels) < len(
        classes
    ):
        classes = None
    return torch.tensor(labels), classes
