"""What the augmentations do to images, and what they draw for it."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from mmpretrain.datasets.transforms import MultiView
from torch import Tensor

from ...checkpoints.architecture import pretraining_config
from ...errors import UserFileNotFoundError, UserValueError
from ..images.datasets import build_dataset, training_dataset
from ..images.sampling import Sample
from ..images.seeding import seed_of, seeded
from ..images.thumbnails import shown
from .draws import crop_box, followed, words

_SHOWN = 6  # views of an image, at most: as many as there are colours


class View(NamedTuple):
    """What came out of a pipeline, and why.

    Attributes:
        image: Uint8 RGB ``(H, W, 3)``.
        words: What was drawn.
        box: Top, left, height and width of the crop in the original, as
            shares of its height and width, if it is cropped from that.
    """

    image: np.ndarray
    words: list[str]
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class Viewed:
    """An image, and views of it.

    Attributes:
        file: What a user knows it by.
        original: Uint8 RGB ``(H, W, 3)``, as it is loaded.
        views: At least one.
    """

    file: str
    original: np.ndarray
    views: list[View]


def gather_views(
    cfg: Config,
    images: int = 8,
    seed: int = 0,
    data_root: str | Path | None = None,
    trusted: bool = True,
) -> tuple[list[Viewed], int]:
    """Run the training pipeline on some images, and note what it draws.

    Views are those that the pipeline itself gives by these seeds. Of a
    pipeline that gives one view there are two draws.

    Args:
        cfg: With a ``train_dataloader``.
        images: At most so many, >= 1, drawn at random.
        seed: Of what is drawn.
        data_root: Folder of the images; default: the config's.
        trusted: The config is the user's own; else only what is known is
            built.

    Returns:
        Images with their views, and how many the dataset has.

    Raises:
        UserError: In one sentence, what is not there or does not fit.
    """
    if images < 1:
        raise UserValueError(f'--images is at least 1, got {images}')
    scope = cfg.get('default_scope')
    dataset = training_dataset(cfg)
    dataset = build_dataset(dataset, trusted, data_root, scope)
    sample = Sample(dataset, images, seed, turned=_turned(cfg))
    found = []
    for number in sample.chosen:
        which, index = sample.place(number)
        leaf, order = sample.leaves[which], sample.orders[which]
        seeds = [seed_of(seed, number), seed_of(seed, number, 1)]
        viewed = _views(leaf, index, order, seeds)
        if viewed is not None:
            found.append(Viewed(sample.file(which, index), *viewed))
    if not found:
        raise UserValueError(
            f'none of {len(sample)} images can be read; is the folder right? '
            'Give it by --data-root'
        )
    return found, sample.total


def run_config(work_dir: str | Path) -> Config:
    """The config that a run in a folder had, as data: nothing of it is run.

    Raises:
        UserFileNotFoundError: There is none.
        UserValueError: It cannot be read.
    """
    folder = Path(work_dir)
    found = [*folder.glob('*/vis_data/config.py'), *folder.glob('*.py')]
    if not found:
        raise UserFileNotFoundError(
            f'{folder} holds no config; give the work_dir of a run, or a '
            'config'
        )
    newest = max(found, key=lambda x: x.stat().st_mtime)
    text = newest.read_text(encoding='utf-8', errors='replace')
    try:
        return Config(pretraining_config({'meta': {'cfg': text}}))
    except (KeyError, ValueError) as error:
        raise UserValueError(
            f'{newest} cannot be read as data; give a config instead '
            f'({str(error)[:200]})'
        ) from error


def _turned(cfg: Config) -> bool:
    found = (cfg.get('model') or {}).get('data_preprocessor')
    found = found or cfg.get('data_preprocessor') or {}
    return bool(found.get('to_rgb') or found.get('bgr_to_rgb'))


def _views(
    leaf: Any, index: int, order: str, seeds: Sequence[int]
) -> tuple[np.ndarray, list[View]] | None:
    transforms = list(leaf.pipeline.transforms)
    place = next(
        (i for i, x in enumerate(transforms) if isinstance(x, MultiView)), None
    )
    if place is not None:
        with seeded(seeds[0]):
            results = _run(transforms[:place], leaf.get_data_info(index))
            if results is None:
                return None
            pipelines = transforms[place].transforms[:_SHOWN]
            views = [_view(x, deepcopy(results), order) for x in pipelines]
        return _picture(results['img'], order), views
    begin = next(
        (
            i
            for i, x in enumerate(transforms)
            if not type(x).__name__.startswith(('Load', 'ChannelOrder'))
        ),
        0,
    )
    views = []
    for seed in seeds:
        with seeded(seed):
            results = _run(transforms[:begin], leaf.get_data_info(index))
            if results is None:
                return None
            rest = [x for x in transforms[begin:] if not _packs(x)]
            views.append(_view(_Several(rest), deepcopy(results), order))
    return _picture(results['img'], order), views


class _Several:
    """Transforms one after the other."""

    def __init__(self, transforms: list) -> None:
        self.transforms = transforms

    def __call__(self, results: dict) -> dict | None:
        return _run(self.transforms, results)


def _packs(transform: Any) -> bool:
    return type(transform).__name__.startswith(('Pack', 'Collect'))


def _run(transforms: Sequence[Callable], results: Any) -> Any:
    for transform in transforms:
        results = transform(results)
        if results is None:
            return None
    return results


def _view(pipeline: Any, results: dict, order: str) -> View:
    original = np.asarray(results['img']).shape[:2]
    with followed(pipeline) as draws:
        image = pipeline(results)['img']
    box = None
    for draw in draws:
        crop = crop_box(draw)
        if crop and draw.shape == original:
            (height, width), (top, left, h, w) = original, crop
            box = (top / height, left / width, h / height, w / width)
            break
    texts = [text for draw in draws for text in words(draw)]
    return View(_picture(image, order), texts, box)


def _picture(image: Any, order: str) -> np.ndarray:
    if isinstance(image, Tensor):
        image = image.permute(1, 2, 0).cpu().numpy()
    return shown(np.asarray(image), order)
