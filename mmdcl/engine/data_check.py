"""What can be wrong with data that trains without an error."""

import logging
import os
from collections import Counter
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from mmpretrain.datasets import CustomDataset
from mmpretrain.models import BaseClassifier

from ..arguments import require_flag
from ..errors import UserValueError
from ..registry import HOOKS
from .band_check import check_bands
from .channel_check import check_channels
from .class_check import check_classes, leaves
from .evaluation_images import check_evaluation_images, paths_of
from .knn import KNNEvaluation
from .model import model_of

# Images by their names, whoever reads them.
_IMAGES = ('.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.bmp', '.gif')
_IMAGES += ('.jp2', '.avif', '.heic', '.jxl', '.ppm', '.pgm', '.exr')


def check_suffixes(name: str, dataset: Any) -> None:
    """Warn of images that upstream's datasets of folders pass over.

    Looks into the folder of the first image only.
    """
    for leaf in leaves(dataset):
        listed = isinstance(leaf, CustomDataset) and not leaf.ann_file
        path = leaf.get_data_info(0)['img_path'] if listed else ''
        folder = Path(path).parent
        if not listed or not folder.is_dir():  # on a server, say
            continue
        left = Counter(Path(x).suffix.lower() for x in os.listdir(folder))
        for suffix in set(left) - (set(_IMAGES) - set(leaf.extensions)):
            del left[suffix]
        if left:
            kinds = ', '.join(f'{n} {x}' for x, n in sorted(left.items()))
            print_log(
                f'{name}: {kinds} in {folder} are passed over; set '
                '`extensions` of the dataset, or use mmdcl.CustomDataset or '
                'mmdcl.ImageNet, which read .webp and .tiff and count what '
                'they leave out',
                'current',
                logging.WARNING,
            )


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Before the first step: classes and channels fit each other.

    Refuses datasets to train on, to validate on, to test on and for the kNN
    bank that number classes differently where labels are used, images in
    different orders of channels, images of other channels than the network
    takes, and colour operations on what has no three colours; warns if images
    arrive as BGR under the mean of RGB or the other way round, and of images
    that are passed over. Says nothing where it is not sure. The kNN loops
    check classes and channels of bank and queries by themselves, too.

    Args:
        train_on_evaluation: Images to train on may be among those of
            ``val_dataloader`` and ``test_dataloader``, by their files, or in
            a folder ``val`` or ``test`` beside ``train``.

    Raises:
        ValueError: They do not fit.
    """

    priority = 'VERY_HIGH'

    def __init__(self, train_on_evaluation: bool = False) -> None:
        require_flag('train_on_evaluation', train_on_evaluation)
        self.train_on_evaluation = train_on_evaluation

    def before_train(self, runner) -> None:
        model, loop = model_of(runner), runner.val_loop
        is_classifier = isinstance(model, BaseClassifier)
        datasets = {'train_dataloader': runner.train_dataloader.dataset}
        check_suffixes('train_dataloader', runner.train_dataloader.dataset)
        labelled = dict(datasets)
        if isinstance(loop, KNNEvaluation) and not loop.bank_cfg:
            _check_labels(runner.train_dataloader.dataset)
        if loop:
            if getattr(loop, 'bank_cfg', None):
                datasets['bank_dataloader'] = loop.bank_loader.dataset
                if not is_classifier:
                    labelled.clear()  # training is without labels
                labelled['bank_dataloader'] = loop.bank_loader.dataset
            datasets['val_dataloader'] = loop.dataloader.dataset
            labelled['val_dataloader'] = loop.dataloader.dataset
        test = _test_dataset(runner) if is_classifier else None
        if test is not None:
            labelled['test_dataloader'] = test
        check_bands(model, datasets)
        check_classes(labelled)
        check_channels(model, datasets)
        if not self.train_on_evaluation:
            _check_evaluation(runner, loop and loop.dataloader.dataset, test)

    def after_train(self, runner) -> None:
        """How often images were not there that training was meant to see."""
        dataset = runner.train_dataloader.dataset
        times = sum(
            getattr(transform, 'skipped', 0)
            for leaf in leaves(dataset)
            for transform in getattr(
                getattr(leaf, 'pipeline', None), 'transforms', ()
            )
        )
        if times:
            runner.logger.warning(
                f'{times:,} times in this training another image stood in for '
                'one that cannot be read, each of which is named above, with '
                'the reason, where it came first'
            )


def _check_labels(dataset: Any) -> None:
    if not all(getattr(leaf, 'with_label', True) for leaf in leaves(dataset)):
        raise UserValueError(
            'kNN validation takes its bank from train_dataloader, whose '
            'dataset has with_label=False; set with_label=True if its folders '
            'are classes, give a `bank_dataloader` in val_cfg, or train with '
            '--no-validate'
        )


def _check_evaluation(runner, val: Any, test: Any) -> None:
    train = runner.train_dataloader.dataset
    if test is None and next(paths_of(train), None):
        with suppress(Exception):  # whoever tests will hear of it
            test = _test_dataset(runner)
    evaluated = dict(val_dataloader=val, test_dataloader=test)
    check_evaluation_images(
        train, {name: x for name, x in evaluated.items() if x is not None}
    )


def _test_dataset(runner) -> Any:
    """To test on after days of training, if it is there already."""
    cfg = runner.cfg.get('test_dataloader') or {}
    dataset = cfg.get('dataset')
    val = (runner.cfg.get('val_dataloader') or {}).get('dataset')
    if not isinstance(dataset, dict) or dataset == val:
        return None
    try:
        return DATASETS.build(deepcopy(dataset))
    except FileNotFoundError:
        return None
