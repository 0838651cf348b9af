"""What can be typed after ``mmdcl features``."""

import argparse
from pathlib import Path

SUFFIXES = ('.safetensors', '.npz')


def add_features(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(verbose=False)  # of what others say
    parser.add_argument(
        'checkpoint', help='checkpoint file, or a work_dir: its newest'
    )
    parser.add_argument('folder', help='of images, at any depth')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('features.safetensors'),
        help=f'{" or ".join(SUFFIXES)}; default: features.safetensors',
    )
    parser.add_argument(
        '--layer',
        metavar='NAME',
        help='a stage or block, such as layer3; default: the output',
    )
    parser.add_argument(
        '--image-size',
        type=int,
        metavar='PIXELS',
        help='the shorter edge becomes 8/7 of it, and the middle is seen; '
        "default: the resizes of the checkpoint's config",
    )
    parser.add_argument(
        '--batch-size', type=int, default=64, metavar='N', help='default: 64'
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=4,
        metavar='N',
        help='processes that read images; default: 4',
    )
    parser.add_argument(
        '--fp16', action='store_true', help='compute under autocast'
    )
    parser.add_argument(
        '--config', help='of the model; default: the one in the checkpoint'
    )
    parser.add_argument(
        '--trust',
        action='store_true',
        help='read the checkpoint even if that may run code in it',
    )


def check_features(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """What can be refused before anything slow is imported."""
    least = {'batch_size': 1, 'workers': 0, 'image_size': 1}
    for name, low in least.items():
        given = getattr(args, name)
        if given is not None and given < low:
            flag = name.replace('_', '-')
            parser.error(f'--{flag} is at least {low}, got {given}')
    if args.out.suffix not in SUFFIXES:
        parser.error(
            f'--out {args.out}: features are kept in {" or ".join(SUFFIXES)}'
        )
    if not Path(args.folder).is_dir():
        parser.error(f'there is no folder {args.folder}')
