"""What of a config is changed by flags, by the data and by the machine."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.config.utils import ConfigParsingError

from .. import configs
from ..checkpoints import read_checkpoint
from ..checkpoints.strict import (
    fetched_by_mmengine,
    only_strict,
    refuse_address,
)
from ..config_parts import LOADERS, named_datasets, part, short_name
from ..errors import UserValueError
from .hooks import add_hooks
from .running import distribute_on_cpu
from .settings import check_settings, merge_options
from .work_dir import prepare_work_dir

# Datasets that read folders of classes below `data_root`.
FOLDERS = {'ImageNet', 'CustomDataset'}


def read_config(path: str) -> Config:
    """A config file of the user's.

    Raises:
        UserValueError: It is none, or one that it inherits is not there.
    """
    try:
        return Config.fromfile(path)
    except SyntaxError as error:
        why = f'line {error.lineno}: {error.msg}'
    except FileNotFoundError as error:
        why = f'{error.filename or error} is not there'
    except (OSError, UnicodeDecodeError, ConfigParsingError) as error:
        why = str(error).partition('\n')[0]
    raise UserValueError(f'{path} cannot be read as a config: {why}')


def load_config(args: argparse.Namespace) -> Config:
    """The config file with the common flags applied.

    Args:
        args: Parsed flags. Texts of ``cfg_options`` become values.
    """
    args.cfg_options = option_values(args.cfg_options)
    cfg = read_config(args.config)
    cfg.launcher = args.launcher
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.work_dir or not cfg.get('work_dir'):
        cfg.work_dir = args.work_dir or f'work_dirs/{Path(args.config).stem}'
    return cfg


def option_values(options: dict[str, str] | None) -> dict | None:
    """``--cfg-options`` as mmengine reads them: numbers, lists, texts."""
    if not options:
        return None
    found = argparse.Namespace(options=None)
    for key, text in options.items():
        try:
            DictAction([], 'options')(None, found, [f'{key}={text}'])
        except (AssertionError, ValueError) as error:  # brackets
            sys.exit(f'error: --cfg-options {key}={text}: {error}')
    return found.options


def load_from(cfg: Config, checkpoint: str, trust: bool = False) -> None:
    """Start from a checkpoint, here or on a hub, or a trusted address."""
    if not fetched_by_mmengine(checkpoint):
        read_checkpoint(checkpoint, trust)
    elif not trust:
        refuse_address(checkpoint)
    cfg.load_from = checkpoint


def mixed_precision(cfg: Config) -> None:
    """What ``--amp`` of a command that trains changes."""
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def fast_config(cfg: Config) -> None:
    """Merge configs/_base_/fast.py as far as it fits; say what was done."""
    path = configs.folder() / '_base_' / 'fast.py'
    fast = Config.fromfile(path)
    left = {}
    kind = cfg.model.type
    if not str(kind).startswith('mmdcl.'):
        left['model'] = f'{kind} is not of mmdcl'
    wrapper = cfg.get('optim_wrapper', {}).get('type', 'OptimWrapper')
    if wrapper != 'OptimWrapper':
        left['optim_wrapper'] = f'the config has {wrapper}'
    train = cfg.get('train_dataloader', {})
    steps = {
        short_name(step.get('type'))
        for _, dataset in _datasets(Config(dict(train_dataloader=train)))
        for step in dataset.get('pipeline') or []
    }
    if 'MultiView' not in steps:
        left['default_hooks'] = 'the pipeline has no MultiView'
    elif 'LoadMultichannelImage' in steps:
        left['default_hooks'] = 'it is for three channels of 8 bits'
    if cfg.get('randomness', {}).get('deterministic'):
        left['env_cfg'] = 'training is to be deterministic'
    for name in left:
        fast.pop(name)
    cfg.merge_from_dict(fast)
    print(f'--fast: {", ".join(fast)} of {path}')
    for name, why in left.items():
        print(f'--fast: left out {name}: {why}')


def finish_config(cfg: Config, args: argparse.Namespace, **loader) -> None:
    """Overrides, data folders, dataloader defaults, and what a CPU needs.

    Args:
        cfg: Changed in place.
        args: Parsed flags.
        **loader: Dataloader arguments that win over the config's.
    """
    only_strict(args.trust)
    on_cpu = not torch.cuda.is_available()
    if args.amp and on_cpu:
        sys.exit('error: --amp needs a GPU, and none is available')
    if args.data_root:
        _move_data(cfg, args.data_root)
    if args.cfg_options:
        merge_options(cfg, args.cfg_options)
    # `mmdcl evaluate` takes the backbone from the checkpoint.
    adopts = hasattr(args, 'protocol')
    check_settings(cfg, unsure=['model.backbone'] if adopts else [])
    if args.no_pin_memory or on_cpu:
        loader['pin_memory'] = False
    defaults = dict(pin_memory=True, persistent_workers=True)
    if cfg.get('default_scope', 'mmpretrain') == 'mmpretrain':
        defaults['collate_fn'] = dict(type='default_collate')
    for name in LOADERS:
        if cfg.get(name):
            cfg[name] = ConfigDict({**defaults, **cfg[name], **loader})
            if not cfg[name].get('num_workers'):
                cfg[name].persistent_workers = False
    trains_alone = getattr(args, 'no_validate', False)
    for where, dataset in _datasets(cfg):
        if not (trains_alone and where.startswith('test_')):
            check_data(where, dataset)
    if cfg.get('default_scope') == 'mmpretrain':
        checks = ('DataCheckHook', 'SizesHook')
        add_hooks(cfg, *(dict(type=f'mmdcl.{x}') for x in checks), first=True)
    prepare_work_dir(cfg.work_dir)
    if on_cpu and cfg.launcher != 'none':
        distribute_on_cpu(cfg)


def _move_data(cfg: Config, root: str) -> None:
    """Another folder for all datasets, and for what evaluators read of it."""
    before = {dataset.get('data_root') for _, dataset in _datasets(cfg)}
    for name in ('val_evaluator', 'test_evaluator'):
        found = cfg.get(name) or []
        for evaluator in found if isinstance(found, list) else [found]:
            for key in ('ann_file', 'seg_prefix'):
                path = Path(evaluator.get(key) or '/')
                for folder in filter(None, before):
                    if path.is_relative_to(folder):
                        moved = Path(root, path.relative_to(folder))
                        evaluator[key] = str(moved)
    for _, dataset in _datasets(cfg):
        dataset.data_root = root


def _datasets(cfg: Config) -> Iterator[tuple[str, ConfigDict]]:
    banks = [(name, 'bank_dataloader') for name in ('val_cfg', 'test_cfg')]
    for keys in [*((name,) for name in LOADERS), *banks]:
        keys = (*keys, 'dataset')
        yield from named_datasets(part(cfg, *keys), '.'.join(keys))


def check_data(where: str, dataset: ConfigDict) -> None:
    root = dataset.get('data_root')
    kind = short_name(dataset.get('type'))
    if not root or '://' in root or kind not in FOLDERS:
        return
    prefix = dataset.get('data_prefix') or dataset.get('split') or ''
    if isinstance(prefix, dict):
        prefix = prefix.get('img_path', '')
    folder = Path(root, prefix)
    if folder.is_dir() and any(folder.iterdir()):
        return
    state = 'is empty' if folder.is_dir() else 'does not exist'
    sys.exit(
        f'error: {where}: {folder.absolute()} {state}\n'
        f'expected for {kind}: {folder}/<class>/<image>, or a list of images '
        'as `ann_file`\nset the folder by --data-root PATH, or by '
        f'--cfg-options {where}.data_root=PATH'
    )
