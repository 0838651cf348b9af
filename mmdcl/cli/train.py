"""``mmdcl train CONFIG``: pretrain a model."""

import argparse
import sys

from mmengine.config import Config

from ..config_parts import short_name
from ..engine.resume import check_training
from .backends import add_backends
from .configuration import (
    fast_config,
    finish_config,
    load_config,
    mixed_precision,
)
from .own_images import allow_evaluation_images, fit_to_labels
from .resuming import prepare_training
from .running import build_runner


def run(args: argparse.Namespace) -> None:
    """Train as the flags say; see ``mmdcl.cli.flags``."""
    if args.resume_with_changes and not args.resume:
        args.resume = 'auto'
    cfg = load_config(args)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        options = args.cfg_options or {}
        args.cfg_options = {
            key: x for key, x in options.items() if not key.startswith('val_')
        }
    if args.amp:
        mixed_precision(cfg)
    if args.fast:
        fast_config(cfg)
    if args.no_report:
        _without_report(cfg)
    if args.resume:
        cfg.load_from = None  # of the config; as an option it is resumed
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            sys.exit(
                f'error: {args.config} has no `auto_scale_lr.base_batch_size` '
                'to scale the learning rate from'
            )
        cfg.auto_scale_lr.enable = True
    never = dict(persistent_workers=False)
    finish_config(cfg, args, **(never if args.no_persistent_workers else {}))
    fit_to_labels(cfg)
    if args.train_on_evaluation:
        allow_evaluation_images(cfg)
    add_backends(cfg, args.log)
    prepare_training(cfg, args.resume, args.resume_with_changes, args.trust)
    runner = build_runner(cfg)
    check_training(runner)
    runner.train()


def _without_report(cfg: Config) -> None:
    for hook in cfg.get('custom_hooks') or []:
        if short_name(hook.get('type')) == 'ProgressHook':
            hook['report'] = False
