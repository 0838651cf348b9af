"""What can be typed after ``mmdcl sweep``."""

import argparse
from pathlib import Path


def add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'configs',
        nargs='*',
        help='default: none; table and figure of what OUT has',
    )
    parser.add_argument(
        '--batch-sizes',
        nargs='+',
        type=int,
        metavar='B',
        help='images of a process; the learning rate is made proportional '
        'to the batch (`auto_scale_lr` of the config)',
    )
    parser.add_argument(
        '--temperatures',
        nargs='+',
        type=float,
        default=[0.1, 0.2, 0.5],
        metavar='T',
        help='of the head; default: 0.1 0.2 0.5',
    )
    parser.add_argument(
        '--lr-factors',
        nargs='+',
        type=float,
        default=[1.0],
        metavar='F',
        help="learning rates, as multiples of the config's; default: 1",
    )
    parser.add_argument(
        '--seeds',
        nargs='+',
        type=int,
        default=[0, 1, 2],
        metavar='S',
        help='default: 0 1 2',
    )
    parser.add_argument(
        '--grid',
        nargs='+',
        action='extend',
        default=[],
        metavar='KEY=VALUE,VALUE',
        help='other options of the config, and the values to compare',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        help='folder of lines, tables, figure and logs; what is finished '
        'there is not repeated',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs'),
        help='a folder for each run is made below it',
    )
    parser.add_argument(
        '--data-root', help='folder of the images, as of `mmdcl train`'
    )
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
    parser.add_argument(
        '--gpus',
        dest='gpus_of_run',
        type=int,
        metavar='N',
        help='processes of each run',
    )
    parser.add_argument(
        '--fast', action='store_true', help='as of `mmdcl train`'
    )
    parser.add_argument(
        '--metric', default='accuracy/top1', help='validation metric'
    )
    parser.add_argument(
        '--linear',
        metavar='DATASET',
        help='a linear classifier on the last checkpoint, too, as by '
        '`mmdcl evaluate --protocol linear --dataset DATASET`',
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='list what is to do, and how long it may take, and end',
    )


def check_sweep(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Configs that exist, numbers that make sense."""
    from ..configs import find_config, names

    for config in args.configs:
        find_config(config)  # rows have it as it was typed
    for flag, values, least in (
        ('--batch-sizes', args.batch_sizes or [], 2),
        ('--jobs', [args.jobs], 1),
        ('--gpus', [1 if args.gpus_of_run is None else args.gpus_of_run], 1),
    ):
        for value in values:
            if value < least:
                parser.error(f'{flag} must be at least {least}, got {value}')
    for flag, values in (
        ('--temperatures', args.temperatures),
        ('--lr-factors', args.lr_factors),
    ):
        for value in values:
            if not 0 < value < float('inf'):
                parser.error(f'{flag} must be positive, got {value:g}')
    flags = {
        'model.head.temperature': ('--temperatures', True),
        'randomness.seed': ('--seeds', True),
        'train_dataloader.batch_size': ('--batch-sizes', args.batch_sizes),
        'optim_wrapper.optimizer.lr': (
            '--lr-factors',
            args.lr_factors != [1.0],
        ),
    }
    for axis in args.grid:
        flag, given = flags.get(axis.partition('=')[0], ('', False))
        if given:
            parser.error(f'--grid {axis}: {flag} sets this')
    there = [
        name.removeprefix('benchmarks/linear_')
        for name in names()
        if name.startswith('benchmarks/linear_')
    ]
    if args.linear and args.linear not in there:
        parser.error(
            f'--linear must be one of {", ".join(there)}, got {args.linear}'
        )
