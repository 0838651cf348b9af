"""What can be typed after every command that runs a config."""

import argparse

from .settings_action import Settings

BACKENDS = ('tensorboard', 'wandb', 'mlflow')


def _not_empty(text: str) -> str:
    """Of a variable of the shell that is not set, most likely."""
    if not text.strip():
        raise argparse.ArgumentTypeError('it is empty; give a path')
    return text


def of_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'config',
        help='config file, or the name of a config of mmdcl (`mmdcl configs` '
        'lists them), or PACKAGE::PATH',
    )


def of_running(parser: argparse.ArgumentParser) -> None:
    """Flags of everything that runs a config, named as in OpenMMLab's."""
    parser.add_argument(
        '--work-dir',
        help='folder of logs, checkpoints and plots; default: '
        'work_dirs/<name of the config>, of an evaluation with the name of '
        'the checkpoint and the seed below it',
    )
    parser.add_argument(
        '--data-root',
        type=_not_empty,
        help='folder of the images, for all dataloaders; for '
        'dcl_resnet50_1xb64_images a list or a table of them, too',
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


def writes_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--log',
        nargs='+',
        choices=BACKENDS,
        default=[],
        help='where to write the numbers, too, beside vis_data/scalars.json '
        'in the work_dir',
    )
