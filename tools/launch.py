"""What the tools share: flags, config, data and machine checks."""

import argparse
import contextlib
import ctypes
import errno
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

import mmdcl
from mmdcl.checkpoints import read_checkpoint
from mmdcl.checkpoints.channels import short_name
from mmdcl.checkpoints.strict import only_strict, refuse_address
from mmdcl.cli.arguments import Settings
from mmdcl.cli.config_path import installed_config
from mmdcl.cli.ending import ends_with_a_word
from mmdcl.cli.hooks import add_hooks
from mmdcl.cli.settings import check_settings, merge_options
from mmdcl.cli.work_dir import own_log_folder, prepare_work_dir

ROOT = Path(__file__).resolve().parent.parent
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Datasets that read folders of classes below `data_root`.
FOLDERS = {'ImageNet', 'CustomDataset'}


def base_parser(description: str) -> argparse.ArgumentParser:
    """Flags of train.py and test.py, named as in OpenMMLab's."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config file')
    add_common_flags(parser)
    return parser


def add_common_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of everything that runs a config."""
    parser.add_argument(
        '--work-dir',
        help='folder of logs, checkpoints and plots; default: '
        'work_dirs/<name of the config>',
    )
    parser.add_argument(
        '--data-root', help='folder of the images, for all dataloaders'
    )
    parser.add_argument(
        '--trust',
        action='store_true',
        help='read a checkpoint even if that may run code in it',
    )
    parser.add_argument(
        '--amp', action='store_true', help='automatic mixed precision'
    )
    parser.add_argument(
        '--no-pin-memory',
        action='store_true',
        help='do not pin the memory of dataloaders',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Settings,
        metavar='KEY=VALUE',
        help='override the config: key=value, nested.key=value, '
        'key="[a,b]", no white space inside a value',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how processes were started; see dist_train.sh, slurm_train.sh',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def load_config(args: argparse.Namespace) -> Config:
    """The config file with the common flags applied."""
    if '::' in args.config:
        args.config = str(installed_config(args.config))
    path = Path(args.config)
    if not path.is_file():
        known = {
            os.path.relpath(p): p.stem
            for p in sorted((ROOT / 'configs').rglob('*.py'))
            if '_base_' not in p.parts
        }
        names = get_close_matches(path.stem, known.values(), 3, 0.4)
        near = [p for n in names for p, stem in known.items() if stem == n]
        sys.exit(
            f'error: no config {args.config}'
            + (f'; did you mean {" or ".join(near)}?' if near else '')
            + f' `ls {os.path.relpath(ROOT / "configs")}` shows all'
        )
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.work_dir or not cfg.get('work_dir'):
        cfg.work_dir = args.work_dir or f'work_dirs/{path.stem}'
    return cfg


def load_from(cfg: Config, checkpoint: str, trust: bool = False) -> None:
    """Start from a checkpoint file, or from an address that is trusted."""
    if '://' not in checkpoint:
        read_checkpoint(checkpoint, trust)
    elif not trust:
        refuse_address(checkpoint)
    cfg.load_from = checkpoint


def fast_config(cfg: Config) -> None:
    """Merge configs/_base_/fast.py as far as it fits; say what was done."""
    path = ROOT / 'configs' / '_base_' / 'fast.py'
    fast = Config.fromfile(path)
    left = {}
    kind = cfg.model.type
    if not str(kind).startswith('mmdcl.'):
        left['model'] = f'{kind} is not of mmdcl'
    wrapper = cfg.get('optim_wrapper', {}).get('type', 'OptimWrapper')
    if wrapper != 'OptimWrapper':
        left['optim_wrapper'] = f'the config has {wrapper}'
    train = cfg.get('train_dataloader', {})
    if not any(
        step.get('type') == 'MultiView'
        for _, dataset in _datasets(Config(dict(train_dataloader=train)))
        for step in dataset.get('pipeline') or []
    ):
        left['default_hooks'] = 'the pipeline has no MultiView'
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
    # tools/evaluate.py takes the backbone from the checkpoint.
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
            if isinstance(cfg[name].get('collate_fn'), dict):
                # Configs inherited from another package carry it here, and
                # mmengine would pass it to the function.
                cfg[name].collate_fn.pop('_scope_', None)
    for where, dataset in _datasets(cfg):
        _check_data(where, dataset)
    if cfg.get('default_scope') == 'mmpretrain':
        checks = ('DataCheckHook', 'SizesHook')
        add_hooks(cfg, *(dict(type=f'mmdcl.{x}') for x in checks), first=True)
    prepare_work_dir(cfg.work_dir)
    if on_cpu and cfg.launcher != 'none':
        _distribute_on_cpu(cfg)


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
    def walk(where: str, dataset: ConfigDict):
        inner = dataset.get('datasets') or [dataset.get('dataset')]
        if inner == [None]:
            yield where, dataset
        for i, wrapped in enumerate(inner):
            if wrapped is not None:
                yield from walk(f'{where}.dataset[{i}]', wrapped)

    loaders = {name: cfg.get(name) for name in LOADERS}
    for name in ('val_cfg', 'test_cfg'):
        bank = (cfg.get(name) or {}).get('bank_dataloader')
        loaders[f'{name}.bank_dataloader'] = bank
    for name, loader in loaders.items():
        if loader and loader.get('dataset'):
            yield from walk(f'{name}.dataset', loader.dataset)


def _check_data(where: str, dataset: ConfigDict) -> None:
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


def _distribute_on_cpu(cfg: Config) -> None:
    if cfg.launcher != 'pytorch':
        sys.exit(
            f'error: --launcher {cfg.launcher} needs GPUs; on CPUs use '
            'tools/dist_train.sh'
        )
    given = (cfg.get('env_cfg') or {}).get('dist_cfg') or {}
    seconds = given.get('timeout')
    torch.distributed.init_process_group(
        'gloo', timeout=seconds and timedelta(seconds=seconds)
    )
    wrapper = cfg.get('model_wrapper_cfg') or dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    cfg.model_wrapper_cfg = {**wrapper, 'device_ids': None}
    _without_sync_bn(cfg.model)


def _without_sync_bn(model) -> None:
    """SyncBN, which needs GPUs, as BN."""
    for part in model.values() if isinstance(model, dict) else model:
        if isinstance(part, (dict, list, tuple)):
            _without_sync_bn(part)
    if isinstance(model, dict) and model.get('type') == 'SyncBN':
        model['type'] = 'BN'


def keep_memory() -> None:
    """Keep what tensors on a CPU free for the next ones.

    By default glibc gives it back to Linux, which clears it page by page when
    it is asked for again: some percent of each training step.
    """
    never_trim, never_map = (-1, -1), (-4, 0)  # M_TRIM_THRESHOLD, M_MMAP_MAX
    with contextlib.suppress(AttributeError, OSError):  # another C library
        for setting in (never_trim, never_map):
            ctypes.CDLL(None).mallopt(*setting)


def build_runner(cfg: Config) -> Runner:
    """A runner of whatever type the config asks for."""
    if not torch.cuda.is_available():
        keep_memory()
    with own_log_folder(cfg):
        if 'runner_type' in cfg:
            return RUNNERS.build(cfg)
        return Runner.from_cfg(cfg)


def run(main: Callable[[], None]) -> None:
    """Run a tool; mistakes that mmdcl explains end in that sentence."""
    try:
        with ends_with_a_word():
            main()
    except (
        ArithmeticError,
        ImportError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
    ) as error:
        explanation = _explanation(error)
        if explanation is None or 'MMDCL_TRACEBACK' in os.environ:
            raise
        sys.exit(
            f'error: {explanation}\n'
            '(MMDCL_TRACEBACK=1 shows where this comes from)'
        )


def _explanation(error: Exception) -> str | None:
    """What mmdcl itself says in an error, here or in a dataloader worker."""
    text = str(error.args[0] if isinstance(error, KeyError) else error)
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    if 'Original Traceback' in text:
        raised_in = re.findall(r'File "(.+?)", line', text)[-1]
        text = text.strip().splitlines()[-1].partition(': ')[2]
    package = Path(mmdcl.__file__).parent
    full = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    if isinstance(error, OSError) and error.errno in full:  # a log, a plot
        return f'cannot write {error.filename or "a file"}: {error.strerror}'
    ours = Path(raised_in).is_relative_to(package)
    shut = isinstance(error, OSError) and error.filename and not ours
    if shut and error.errno in (errno.EACCES, errno.ELOOP):
        return (
            f'cannot open {str(error.filename)[:99]}: {error.strerror}; '
            'mmdcl.CustomDataset and mmdcl.ImageNet leave out links that lead '
            'in circles'
        )
    return text if ours else None
