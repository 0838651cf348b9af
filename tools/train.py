"""Pretrain: python tools/train.py configs/dcl_resnet50_8xb32.py."""

import argparse
import sys

from launch import (
    base_parser,
    build_runner,
    fast_config,
    finish_config,
    load_config,
    run,
)


def parse_args() -> argparse.Namespace:
    parser = base_parser('Pretrain a model')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='resume from a checkpoint; without a path, from the newest good '
        'one in the work_dir',
    )
    parser.add_argument(
        '--resume-with-changes',
        action='store_true',
        help='where config and checkpoint differ in what is trained, go on '
        'with the config instead of refusing to',
    )
    parser.add_argument(
        '--no-validate', action='store_true', help='train without validation'
    )
    parser.add_argument(
        '--fast',
        action='store_true',
        help='bfloat16, channels last, and flips, colours and blur on the '
        'training device: what configs/_base_/fast.py says',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the actual batch size over '
        '`auto_scale_lr.base_batch_size`',
    )
    parser.add_argument(
        '--no-persistent-workers',
        action='store_true',
        help='start dataloader workers anew in each epoch',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    # Slow to import, and --help needs none of it.
    from mmdcl.cli.resuming import prepare_training
    from mmdcl.engine.resume import check_training

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
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.fast:
        fast_config(cfg)
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
    prepare_training(cfg, args.resume, args.resume_with_changes, args.trust)
    runner = build_runner(cfg)
    check_training(runner)
    runner.train()


if __name__ == '__main__':
    run(main)
