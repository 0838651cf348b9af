"""Everything that can be typed. Imports nothing that is slow."""

import argparse
from collections.abc import Callable
from pathlib import Path

from .picture_flags import add_plot, add_report, check_plot, check_report
from .settings_action import Settings

PROTOCOLS = ('knn', 'linear', 'few-labels', 'finetune')
DENSE = {'detection': 'mmdet', 'segmentation': 'mmseg'}
BACKENDS = ('tensorboard', 'wandb', 'mlflow')
STYLES = ('torchvision', 'timm', 'detectron2', 'mmpretrain')


def _of_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'config',
        help='config file, or the name of a config of mmdcl (`mmdcl configs` '
        'lists them), or PACKAGE::PATH',
    )


def _of_running(parser: argparse.ArgumentParser) -> None:
    """Flags of everything that runs a config, named as in OpenMMLab's."""
    parser.add_argument(
        '--work-dir',
        help='folder of logs, checkpoints and plots; default: '
        'work_dirs/<name of the config>, of an evaluation with the name of '
        'the checkpoint and the seed below it',
    )
    parser.add_argument(
        '--data-root', help='folder of the images, for all dataloaders'
    )
    parser.add_argument(
        '--gpus',
        type=int,
        metavar='N',
        help='processes on this node, one a GPU (without GPUs, on its '
        'cores); several nodes: NNODES, NODE_RANK, MASTER_ADDR and PORT in '
        'the environment',
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
        '--verbose',
        action='store_true',
        help='print all that the log file has: the config, every number, '
        'and what other packages say',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how processes were started, if not by --gpus; see '
        'tools/slurm_train.sh',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def _log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--log',
        nargs='+',
        choices=BACKENDS,
        default=[],
        help='where to write the numbers, too, beside vis_data/scalars.json '
        'in the work_dir',
    )


def _of_training(parser: argparse.ArgumentParser) -> None:
    _of_running(parser)
    _log(parser)
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
        '--no-report',
        action='store_true',
        help='do not write report.html at the end; `mmdcl report WORK_DIR` '
        'writes it later',
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


def _train(parser: argparse.ArgumentParser) -> None:
    _of_config(parser)
    _of_training(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    _of_training(parser)
    parser.set_defaults(config='dcl_resnet18_1xb128_digits')


def _test(parser: argparse.ArgumentParser) -> None:
    _of_config(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    _of_running(parser)
    parser.add_argument('--out', help='file for results: .json, .yaml or .pkl')
    parser.add_argument(
        '--out-item',
        choices=['metrics', 'pred'],
        default='metrics',
        help='what to write to --out; predictions need .pkl',
    )


def check_test(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """What no single flag can see."""
    kinds = {'metrics': ('.json', '.yaml', '.yml', '.pkl'), 'pred': ('.pkl',)}
    if args.out and not args.out.endswith(kinds[args.out_item]):
        parser.error(
            f'--out {args.out}: {args.out_item} are written to '
            f'{", ".join(kinds[args.out_item])}'
        )
    for key in ('load_from', 'resume'):
        if key in (args.cfg_options or {}):
            parser.error(
                f'{key}={args.cfg_options[key]}: what is tested is '
                f'{args.checkpoint}; leave out the option'
            )


def _evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'checkpoint', help='.pth, .safetensors, or .pkl of detectron2'
    )
    parser.add_argument(
        '--protocol', choices=[*PROTOCOLS, *DENSE], required=True
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
        help='of training, and of the few labels drawn; default: 0',
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
    _of_running(parser)
    _log(parser)


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
        name = '_'.join(Path(args.checkpoint).with_suffix('').parts[-2:])
        name += '_random' if args.random_init else ''
        args.work_dir = str(
            Path('work_dirs', Path(args.config).stem, f'{name}_s{args.seed}')
        )
    for flag, given in (('--resume', args.resume), ('--amp', args.amp)):
        if given and args.protocol == 'knn':
            parser.error(f'{flag} is for protocols that train, knn does not')
    for flag, value, protocol in (
        ('--fraction', args.fraction, 'few-labels'),
        ('--k', args.k, 'knn'),
        ('--temperature', args.temperature, 'knn'),
    ):
        if value is not None and args.protocol != protocol:
            parser.error(f'{flag} is for --protocol {protocol}')


def _export(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(verbose=False)  # of what others say
    parser.add_argument('checkpoint')
    parser.add_argument(
        'out', help='ends in .pth or .safetensors, or in .pkl for detectron2'
    )
    parser.add_argument('--style', choices=STYLES, default='torchvision')
    parser.add_argument(
        '--config',
        help='config whose `model.backbone` it is; default: the one in the '
        'checkpoint',
    )
    parser.add_argument(
        '--prefix',
        help='which backbone of the checkpoint: the beginning of the path to '
        'it, such as teacher, or ema_state_dict',
    )
    parser.add_argument(
        '--trust',
        action='store_true',
        help='read the checkpoint even if that may run code in it',
    )


def _sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('configs', nargs='+')
    parser.add_argument(
        '--temperatures', nargs='+', type=float, default=[0.1, 0.2, 0.5]
    )
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument(
        '--grid',
        nargs='+',
        default=[],
        metavar='KEY=VALUE,VALUE',
        help='other options of the config, and the values to compare',
    )
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs'))
    parser.add_argument('--data-root')
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
    parser.add_argument(
        '--metric', default='accuracy/top1', help='validation metric'
    )


def _configs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'name', nargs='?', help='list those with this in their name'
    )
    parser.add_argument(
        '--copy',
        metavar='NAME',
        help='write the config into this folder, to edit',
    )


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--json', action='store_true', help='print it for programs'
    )


COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    'demo': ('pretrain on handwritten digits, in a minute', _demo),
    'train': ('pretrain by a config', _train),
    'test': ('evaluate a checkpoint by the test loop of a config', _test),
    'evaluate': ('what a pretrained backbone is worth', _evaluate),
    'export': ('write a backbone for another library', _export),
    'plot': ('one picture of a run or a checkpoint', add_plot),
    'report': ('what a run was, on one page', add_report),
    'sweep': ('compare losses fairly', _sweep),
    'configs': ('list the configs, or copy one', _configs),
    'doctor': ('can training work on this machine?', _doctor),
}
CHECKS = {
    'test': check_test,
    'evaluate': check_evaluate,
    'plot': check_plot,
    'report': check_report,
}
