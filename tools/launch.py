"""What train.py and test.py share: flags, config, data and machine checks."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

ROOT = Path(__file__).resolve().parent.parent
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Upstream datasets that find out for themselves that their data are missing.
SELF_CHECKING = {'CIFAR10', 'CIFAR100', 'Digits'}


def base_parser(description: str) -> argparse.ArgumentParser:
    """Flags of both tools, named as in OpenMMLab's."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir',
        help='folder of logs, checkpoints and plots; default: '
        'work_dirs/<name of the config>',
    )
    parser.add_argument(
        '--data-root', help='folder of the images, for all dataloaders'
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
        action=DictAction,
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
    return parser


def load_config(args: argparse.Namespace) -> Config:
    """The config file with the common flags applied."""
    path = Path(args.config)
    if not path.is_file():
        known = {
            str(p.relative_to(ROOT)): p.stem
            for p in sorted((ROOT / 'configs').rglob('*.py'))
            if '_base_' not in p.parts
        }
        names = get_close_matches(path.stem, known.values(), 3, 0.4)
        near = [p for n in names for p, stem in known.items() if stem == n]
        sys.exit(
            f'error: no config {args.config}'
            + (f'; did you mean {" or ".join(near)}?' if near else '')
            + ' `ls configs` shows all'
        )
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.work_dir or not cfg.get('work_dir'):
        cfg.work_dir = args.work_dir or f'work_dirs/{path.stem}'
    return cfg


def load_from(cfg: Config, checkpoint: str) -> None:
    """Start from a checkpoint file, which must exist, or from an address."""
    if '://' not in checkpoint and not Path(checkpoint).is_file():
        sys.exit(f'error: no checkpoint {checkpoint}')
    cfg.load_from = checkpoint


def finish_config(cfg: Config, args: argparse.Namespace, **loader) -> None:
    """Overrides, data folders, dataloader defaults, and what a CPU needs.

    Args:
        cfg: Changed in place.
        args: Parsed flags.
        **loader: Defaults of dataloaders.
    """
    on_cpu = not torch.cuda.is_available()
    if args.amp and on_cpu:
        sys.exit('error: --amp needs a GPU, and none is available')
    loader['collate_fn'] = dict(type='default_collate')
    loader['pin_memory'] = True
    for name in LOADERS:
        if cfg.get(name):
            cfg[name] = ConfigDict({**loader, **cfg[name]})
            if isinstance(cfg[name].collate_fn, dict):
                # Configs inherited from another package carry it here, and
                # mmengine would pass it to the function.
                cfg[name].collate_fn.pop('_scope_', None)
            if args.no_pin_memory or on_cpu:
                cfg[name].pin_memory = False
            if not cfg[name].get('num_workers'):
                cfg[name].persistent_workers = False
    if args.data_root:
        for _, dataset in _datasets(cfg):
            dataset.data_root = args.data_root
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    for where, dataset in _datasets(cfg):
        _check_data(where, dataset)
    if on_cpu and cfg.launcher != 'none':
        _distribute_on_cpu(cfg)


def _datasets(cfg: Config) -> Iterator[tuple[str, ConfigDict]]:
    def walk(where: str, dataset: ConfigDict):
        inner = dataset.get('datasets') or [dataset.get('dataset')]
        if inner == [None]:
            yield where, dataset
        for i, wrapped in enumerate(inner):
            if wrapped is not None:
                yield from walk(f'{where}.dataset[{i}]', wrapped)

    for name in LOADERS:
        if cfg.get(name) and cfg[name].get('dataset'):
            yield from walk(f'{name}.dataset', cfg[name].dataset)


def _check_data(where: str, dataset: ConfigDict) -> None:
    root = dataset.get('data_root')
    kind = str(dataset.get('type')).rpartition('.')[2]
    if not root or '://' in root or kind in SELF_CHECKING:
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
    torch.distributed.init_process_group('gloo')
    wrapper = cfg.get('model_wrapper_cfg') or dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    cfg.model_wrapper_cfg = {**wrapper, 'device_ids': None}


def build_runner(cfg: Config) -> Runner:
    """A runner of whatever type the config asks for."""
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)


def run(main: Callable[[], None]) -> None:
    """Run a tool; mistakes that mmdcl explains end in that sentence."""
    try:
        main()
    except (
        ArithmeticError,
        ImportError,
        LookupError,
        OSError,
        ValueError,
    ) as e:
        frames = traceback.extract_tb(e.__traceback__)
        explained = Path(frames[-1].filename).is_relative_to(ROOT / 'mmdcl')
        if not explained or 'MMDCL_TRACEBACK' in os.environ:
            raise
        what = e.args[0] if isinstance(e, KeyError) else e
        sys.exit(
            f'error: {what}\n(MMDCL_TRACEBACK=1 shows where this comes from)'
        )
