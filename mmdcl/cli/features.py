"""``mmdcl features``: what a network makes of a folder's images, in a file."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from ..config_parts import datasets_in, part, short_name
from ..engine.features import forward_batch
from ..errors import UserValueError
from ..feature_files import SavedFeatures, check_file, save_features
from ..protocols.parts import chosen_parts, listening
from ..report.images.datasets import SPLITS, build_dataset
from ..report.images.network import Network, open_network
from ..report.images.pipelines import plain_pipeline, skipping
from ..report.images.sampling import Sample, batches

_SIZES = ('Resize', 'ResizeEdge', 'CenterCrop')


def run(args: argparse.Namespace) -> None:
    """Extract as the flags say; see ``mmdcl.cli.flags``."""
    check_file(args.out)
    network = open_network(args.checkpoint, args.config, trust=args.trust)
    parts = (
        chosen_parts(network.model.backbone, [args.layer])
        if args.layer
        else {}
    )
    pipeline = image_pipeline(network.config, args.image_size)
    dataset = dict(
        type='mmdcl.CustomDataset',
        data_root=str(args.folder),
        with_label=False,
        pipeline=pipeline,
        **image_extensions(network.config),
    )
    scope = network.config.get('default_scope')
    sample = Sample(
        build_dataset(dataset, network.trusted, scope=scope), sys.maxsize
    )
    names, found = [], []
    for items in batches(sample, args.workers, _tell, args.batch_size):
        names += [item.file for item in items]
        images = torch.stack([item.views[0] for item in items])
        found.append(_features(network, parts, images, args.fp16))
    if not names:
        raise UserValueError(
            f'none of the {len(sample)} images in {args.folder} can be read'
        )
    labels, classes = folder_classes(names)
    features = torch.cat(found).numpy()
    about = {
        'checkpoint': str(network.path),
        'sha256': network.sha256,
        'layer': args.layer or 'output',
    }
    if args.image_size:
        about['image_size'] = str(args.image_size)
    save_features(
        SavedFeatures(names, features, labels, classes, about), args.out
    )
    if left_out := len(sample) - len(names):
        _tell(f'left out {left_out} images that cannot be read')
    of_classes = f', {len(classes)} classes' if classes else ''
    count, width = features.shape
    print(f'{args.out}: {count:,} images, {width} numbers each{of_classes}')


def _features(
    network: Network, parts: dict, images: Tensor, fp16: bool
) -> Tensor:
    model = network.model
    batch = dict(inputs=images, data_samples=None)
    with torch.no_grad(), listening(model.backbone, parts) as heard:
        output, _ = forward_batch(model, batch, fp16, 'mmdcl features')
    return next(iter(heard.values()), output).cpu()


def image_pipeline(cfg: Config, size: int | None = None) -> list[dict]:
    """How a config's images are loaded and resized, for files.

    Args:
        cfg: Of a run. Its validation or test pipeline counts, or of the
            training pipeline what makes no view.
        size: In place of its resizes: the shorter edge becomes 8/7 of it,
            and the middle, ``size x size`` pixels, is what the network sees.

    Raises:
        ValueError: It has no pipeline, and no ``size`` is given.
    """
    pipelines = {x: _dataset(cfg, x).get('pipeline') for x in SPLITS}
    train = pipelines.pop('train')
    pipeline = next(filter(None, pipelines.values()), None)
    pipeline = pipeline or (plain_pipeline(train) if train else None)
    if pipeline is None and size is None:
        raise UserValueError(
            'the checkpoint does not say how its images are loaded; give '
            'their size by --image-size, such as 224'
        )
    steps = skipping(pipeline or [dict(type='PackInputs')])
    kinds = [short_name(step.get('type')) for step in steps]
    if not any(kind.startswith('Load') for kind in kinds):
        steps.insert(0, dict(type='mmdcl.LoadImageFromFile'))
    if size is None:
        return steps
    steps = [x for x in steps if short_name(x.get('type')) not in _SIZES]
    middle = [
        dict(type='ResizeEdge', scale=round(size * 8 / 7), edge='short'),
        dict(type='CenterCrop', crop_size=size),
    ]
    return [*steps[:-1], *middle, steps[-1]]


def image_extensions(cfg: Config) -> dict[str, tuple[str, ...]]:
    """``extensions`` of the images, if they are others than usual."""
    for split in SPLITS:
        if extensions := _dataset(cfg, split).get('extensions'):
            return dict(extensions=tuple(extensions))
    return {}


def _dataset(cfg: Config, split: str) -> Mapping[str, Any]:
    """Or the first in it; an empty dict if there is none."""
    dataset = part(cfg, f'{split}_dataloader', 'dataset')
    return next(datasets_in(dataset), {})


def folder_classes(
    names: Sequence[str],
) -> tuple[Any, list[str] | None]:
    """Labels and classes, if all images lie in folders of one level.

    Args:
        names: Paths below the folder, with ``/``.
    """
    folders = [name.split('/')[:-1] for name in names]
    classes = sorted({x[0] for x in folders if x})
    if len(classes) < 2 or any(len(x) != 1 for x in folders):
        return None, None
    numbers = {name: i for i, name in enumerate(classes)}
    labels = torch.tensor([numbers[x[0]] for x in folders])
    return labels.numpy(), classes


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
