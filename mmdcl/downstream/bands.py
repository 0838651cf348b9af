"""Images of many channels, read in a benchmark as they were in pretraining."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from ..checkpoints.architecture import pretraining_config
from ..config_parts import (
    LOADERS,
    datasets_in,
    part,
    preprocessor_of,
    short_name,
)

_LOADER = 'LoadMultichannelImage'
# Of the loader, and nothing else that a stranger's config may name.
_SETTINGS = ('channels', 'bands', 'nodata')


def adopt_bands(cfg: Config, checkpoint: Mapping[str, Any]) -> bool:
    """Give a benchmark of RGB files the loader, mean and std of pretraining.

    Args:
        cfg: Of the benchmark, changed in place if the checkpoint was
            pretrained on images of ``mmdcl.LoadMultichannelImage``.
        checkpoint: Of :func:`mmdcl.checkpoints.read_checkpoint`.

    Returns:
        Whether it was, and the benchmark reads RGB files.
    """
    then = pretraining_config(checkpoint)
    dataset = part(then, 'train_dataloader', 'dataset')
    dataset = next(datasets_in(dataset), {})
    load = next(_steps(dataset, _LOADER), None)
    theirs = preprocessor_of(then)
    if load is None:
        return False
    settings = {key: load[key] for key in _SETTINGS if key in load}
    found = False
    for name in LOADERS:
        for ours in datasets_in(part(cfg, name, 'dataset')):
            for step in _steps(ours, 'LoadImageFromFile'):
                step.clear()
                step.update(type=f'mmdcl.{_LOADER}', **settings)
                found = True
                if 'extensions' in dataset:
                    ours['extensions'] = tuple(dataset['extensions'])
    if not found:
        return False
    for owner in (cfg, cfg.model):
        if isinstance(owner.get('data_preprocessor'), dict):
            owner.data_preprocessor.update(
                mean=theirs.get('mean'), std=theirs.get('std'), to_rgb=False
            )
    print(f'images as in pretraining: by mmdcl.{_LOADER}, with mean and std')
    return True


def _steps(dataset: Any, kind: str) -> Iterator[Any]:
    for step in dataset.get('pipeline') or []:
        if isinstance(step, dict) and short_name(step.get('type')) == kind:
            yield step
