"""Everything that can be typed. Imports nothing that is slow."""

import argparse
from collections.abc import Callable

from .evaluate_flags import add_evaluate, check_evaluate
from .export_flags import add_export, check_export
from .features_flags import add_features, check_features
from .picture_flags import add_plot, add_report, check_plot, check_report
from .running_flags import of_config, of_running, writes_log
from .sweep_flags import add_sweep, check_sweep


def _of_training(parser: argparse.ArgumentParser) -> None:
    of_running(parser)
    writes_log(parser)
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
        '--train-on-evaluation',
        action='store_true',
        help='train even on images that are validated or tested on; without '
        'it they are refused',
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
    of_config(parser)
    _of_training(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    _of_training(parser)
    parser.set_defaults(config='dcl_resnet18_1xb128_digits')


def _test(parser: argparse.ArgumentParser) -> None:
    of_config(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    of_running(parser)
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


def _push(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(verbose=False)  # of what others say
    parser.add_argument(
        'folder', help='of `mmdcl export CHECKPOINT FOLDER --style timm-hub`'
    )
    parser.add_argument('repo', help='USER/REPO, made if it is not there')
    parser.add_argument(
        '--private',
        action='store_true',
        help='for nobody else to see; default: public',
    )
    parser.add_argument(
        '--revision',
        metavar='BRANCH',
        help='a branch, made if it is not there; default: main',
    )
    parser.add_argument('--message', help='of the commit')
    parser.add_argument(
        '--dry-run', action='store_true', help='say what would be sent'
    )
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='send .pth and .pkl, too, which may run code where they are read',
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
    'evaluate': ('what a pretrained backbone is worth', add_evaluate),
    'features': ('what a network makes of images, in a file', add_features),
    'export': ('write a backbone for another library', add_export),
    'push': ('send an exported folder to a hub', _push),
    'plot': ('one picture of a run or a checkpoint', add_plot),
    'report': ('what a run was, on one page', add_report),
    'sweep': ('compare losses fairly', add_sweep),
    'configs': ('list the configs, or copy one', _configs),
    'doctor': ('can training work on this machine?', _doctor),
}
CHECKS = {
    'test': check_test,
    'evaluate': check_evaluate,
    'features': check_features,
    'export': check_export,
    'plot': check_plot,
    'report': check_report,
    'sweep': check_sweep,
}
