"""The images of a run, from its config, as they are trained on or plain."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine import registry as upstream
from mmengine.config import Config
from mmengine.registry import DefaultScope

from ...config_parts import short_name
from ...downstream.strangers import (
    HINT,
    Allowed,
    checked,
    registered_only,
    within,
)
from ...errors import UserError, UserFileNotFoundError, UserValueError
from ...registry import DATASETS, TRANSFORMS
from .pipelines import plain_pipeline, skipping

SPLITS = ('val', 'train', 'test')
_KINDS = ('base_dataset', 'caltech101', 'cifar', 'cub', 'custom', 'dtd')
_KINDS += ('dataset_wrappers', 'fgvcaircraft', 'flowers102', 'food101')
_KINDS += ('imagenet', 'inshop', 'mnist', 'multi_label', 'oxfordiiitpet')
_KINDS += ('places205', 'stanfordcars', 'sun397', 'transforms', 'voc')
_ROOMS = tuple(f'mmpretrain.datasets.{x}' for x in _KINDS)
_ROOMS += ('mmengine.dataset', 'mmcv.transforms')
_ROOMS += ('mmdcl.datasets', 'mmdcl.views')
# They hand names to another library.
_CLOSED = ('Albumentations', 'AlbuKeypoint')
# Files of these run code when mmengine reads them.
_CODE = ('.pkl', '.pickle', '.yaml', '.yml')
# Upstream's classes that download what is not there, unless told not to.
_DOWNLOAD = ('CIFAR10', 'CIFAR100', 'MNIST', 'FashionMNIST')


def _is_data(kind: Any) -> bool:
    name = getattr(kind, '__name__', '')
    module = getattr(kind, '__module__', '')
    return within(module, _ROOMS) and name not in _CLOSED


DATA = Allowed(
    'dataset or transform',
    _is_data,
    (upstream.DATASETS, upstream.TRANSFORMS),
)


def choose_split(cfg: Config, split: str | None = None) -> str:
    """The split, or the first of ``SPLITS`` that a config has.

    Raises:
        UserValueError: It has not that one, or none.
    """
    there = [x for x in SPLITS if _dataset(cfg, x)]
    if split is None and there:
        return there[0]
    if split in there:
        return str(split)
    has = ', '.join(f'`{x}_dataloader`' for x in there)
    wanted = f'`{split}_dataloader`' if split else 'dataloader with a dataset'
    advice = (
        f'; it has {has}: choose by --split'
        if there
        else ', and so no images; give one that has them by --config'
    )
    raise UserValueError(f'the config has no {wanted}{advice}')


def plain_dataset(cfg: Config, split: str) -> dict:
    """A split's config with each image once, whole and always the same.

    The training images come as those do that are validated on; where there
    are none, under :func:`plain_pipeline`.
    """
    dataset = _dataset(cfg, split)
    if split != 'train':
        whole = deepcopy(dataset)
        if whole.get('pipeline'):
            whole['pipeline'] = skipping(whole['pipeline'])
        return whole
    others = [
        (_dataset(cfg, x) or {}).get('pipeline') for x in ('val', 'test')
    ]
    validated = next(filter(None, others), None)
    return _pipelined(
        dataset, lambda x: skipping(validated or plain_pipeline(x))
    )


def training_dataset(cfg: Config) -> dict:
    """The config of the training images, each once, as they are trained on.

    Raises:
        UserValueError: It has none.
    """
    return _pipelined(
        _dataset(cfg, choose_split(cfg, 'train')), lambda pipeline: pipeline
    )


def _dataset(cfg: Config, split: str) -> Any:
    loader = cfg.get(f'{split}_dataloader')
    return loader.get('dataset') if isinstance(loader, Mapping) else None


def _pipelined(dataset: Any, change: Callable[[Sequence], Sequence]) -> dict:
    """A dataset's config with each image once, under other pipelines.

    Raises:
        UserValueError: Something in it has no pipeline.
    """
    if 'datasets' in dataset:
        parts = [_pipelined(part, change) for part in dataset['datasets']]
        return {**dataset, 'datasets': parts}
    if 'dataset' in dataset:  # repeats or balances
        return _pipelined(dataset['dataset'], change)
    if not dataset.get('pipeline'):
        raise UserValueError(
            'the training images have no `pipeline` in the config; choose '
            'others by --split'
        )
    return {**dataset, 'pipeline': deepcopy(change(dataset['pipeline']))}


def build_dataset(
    dataset: Mapping[str, Any],
    trusted: bool,
    data_root: str | Path | None = None,
    scope: str | None = None,
) -> Any:
    """A dataset of a config, which nothing is downloaded for.

    Args:
        dataset: Its config.
        trusted: It is the user's own, or its maker is trusted: build
            whatever it names.
        data_root: Folder of the images; default: the config's.
        scope: Default scope of the config.

    Raises:
        UserFileNotFoundError: The folder of the images is not there.
        UserValueError: It names what is not built for strangers, or the
            images cannot be read.
    """
    for registry in (upstream.DATASETS, DATASETS, TRANSFORMS):
        registry.import_from_location()
    if not trusted:
        dataset = checked(dataset, DATA)
        _no_code(dataset)
    dataset = _at(dataset, data_root)
    with DefaultScope.overwrite_default_scope(scope or 'mmpretrain'):
        try:
            if trusted:
                return upstream.DATASETS.build(dataset)
            with registered_only(DATA):
                return upstream.DATASETS.build(dataset)
        except UserError:
            raise
        except Exception as error:  # of any kind, as there are datasets
            if trusted and not isinstance(error, (OSError, AssertionError)):
                raise
            roots = ', '.join(sorted(_roots(dataset)))
            raise UserValueError(
                f'the images{f" in {roots}" * bool(roots)} cannot be read: '
                f'{type(error).__name__}: {str(error)[:300]}'
                + '; is it their folder? Give it by --data-root'
                * bool(roots)
            ) from error


def _at(dataset: Mapping[str, Any], root: str | Path | None) -> dict:
    """The same in a folder that is there, and without downloads."""
    here = dict(dataset)
    if 'datasets' in here:
        here['datasets'] = [_at(part, root) for part in here['datasets']]
        return here
    if root is not None:
        here['data_root'] = str(root)
    folder = str(here.get('data_root') or '.')
    if '://' not in folder and not Path(folder).exists():
        raise UserFileNotFoundError(
            f'there is no folder {Path(folder).absolute()}, where the images '
            'are by the config; give their folder by --data-root'
        )
    if short_name(here.get('type')) in _DOWNLOAD:
        here['download'] = False
    return here


def _roots(dataset: Mapping[str, Any]) -> set[str]:
    parts = dataset.get('datasets')
    if parts is not None:
        return {root for part in parts for root in _roots(part)}
    root = dataset.get('data_root')
    return {str(Path(root).absolute())} if root else set()


def _no_code(part: Any) -> None:
    """Refuse files that run code, and addresses."""
    if isinstance(part, Mapping):
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        for inner in part:
            _no_code(inner)
    unsafe = isinstance(part, str) and ('://' in part or part.endswith(_CODE))
    if unsafe:
        raise UserValueError(
            f"the checkpoint's config makes its images come from {part}, "
            f'which is not read unasked{HINT}'
        )
