"""What can be typed after ``mmdcl evaluate``."""

import argparse
from pathlib import Path

from ..hub.addresses import folder_name, is_address
from .running_flags import of_running, writes_log

PROTOCOLS = ('knn', 'linear', 'few-labels', 'finetune')
# Nothing is trained but what the features are given to, in one process.
FROZEN = ('svm', 'low-shot', 'layers', 'retrieval')
DENSE = {'detection': 'mmdet', 'segmentation': 'mmseg'}


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'checkpoint',
        help='.pth, .safetensors, .pkl of detectron2, or '
        'hf://USER/REPO[/FILE][@REVISION]',
    )
    parser.add_argument(
        '--protocol', choices=[*PROTOCOLS, *FROZEN, *DENSE], required=True
    )
    parser.add_argument(
        '--dataset',
        help='one of configs/benchmarks/PROTOCOL_DATASET.py, such as cifar10, '
        'imagenet, coco-fpn',
    )
    parser.add_argument(
        '--config',
        help='another config instead, a file or one of an installed package, '
        'such as mmdet::faster_rcnn/NAME.py; its backbone gives way to the '
        'one of the checkpoint',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of training, and of the images drawn for few labels and '
        'low-shot; default: 0',
    )
    parser.add_argument(
        '--fraction', type=float, help='few-labels: share of the labels'
    )
    parser.add_argument('--k', type=int, nargs='+', help='knn: neighbours')
    parser.add_argument('--temperature', type=float, help='knn: of the vote')
    parser.add_argument(
        '--prefix',
        help='which backbone of the checkpoint, by the beginning of its '
        'names: encoder_k, teacher, or ema_state_dict for what an EMAHook '
        'keeps beside the average',
    )
    parser.add_argument(
        '--random-init',
        action='store_true',
        help='the control: the same network with random weights',
    )
    parser.add_argument(
        '--resume',
        action='store_const',
        const='auto',
        help='go on from the newest good checkpoint of the same evaluation, '
        'in its work_dir',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/evaluate'),
        help='adds to OUT.jsonl and OUT.md; default: work_dirs/evaluate',
    )
    of_running(parser)
    writes_log(parser)


def check_evaluate(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """The config of a protocol and a dataset, and a work_dir of its own."""
    from ..configs import names

    if not args.config:
        begin = f'benchmarks/{args.protocol}_'
        there = {
            name.removeprefix(begin): str(path)
            for name, path in names().items()
            if name.startswith(begin)
        }
        if args.dataset not in there:
            got = f'; got {args.dataset}' if args.dataset else ''
            parser.error(
                f'--protocol {args.protocol} needs --config, or --dataset '
                f'{" or ".join(there)}{got}'
            )
        args.config = there[args.dataset]
    if not args.work_dir:
        if is_address(args.checkpoint):
            name = folder_name(args.checkpoint)
        else:
            parts = Path(args.checkpoint).with_suffix('').parts
            name = '_'.join(parts[-2:])
        name += '_random' if args.random_init else ''
        args.work_dir = str(
            Path('work_dirs', Path(args.config).stem, f'{name}_s{args.seed}')
        )
    for flag, given in (('--resume', args.resume), ('--amp', args.amp)):
        if given and args.protocol in ('knn', *FROZEN):
            parser.error(
                f'{flag} is for protocols that train, {args.protocol} does not'
            )
    several = args.gpus is not None or args.launcher != 'none'
    if args.protocol in FROZEN and several:
        parser.error(
            f'--protocol {args.protocol} runs in one process; leave out '
            '--gpus and --launcher'
        )
    for flag, value, protocol in (
        ('--fraction', args.fraction, 'few-labels'),
        ('--k', args.k, 'knn'),
        ('--temperature', args.temperature, 'knn'),
    ):
        if value is not None and args.protocol != protocol:
            parser.error(f'{flag} is for --protocol {protocol}')
