"""What can be typed after ``mmdcl plot`` and ``mmdcl report``."""

import argparse
from pathlib import Path

from .settings_action import Settings

METHODS = ('tsne', 'umap', 'pca')
SPLITS = ('val', 'train', 'test')
KINDS = ('.png', '.svg')


def _everywhere(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument(
        '--out',
        type=Path,
        help=f'picture to write, .png or .svg; default: both, {out}',
    )


def _of_data(parser: argparse.ArgumentParser, images: int) -> None:
    parser.add_argument('--data-root', help='folder of the images')
    parser.add_argument(
        '--images',
        type=int,
        default=images,
        metavar='N',
        help=f'at most so many, drawn at random; default: {images}',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of what is drawn; default: 0'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=Settings,
        metavar='KEY=VALUE',
        help='override the config',
    )


def _of_checkpoint(
    parser: argparse.ArgumentParser, images: int, several: bool = False
) -> None:
    parser.add_argument(
        'checkpoints' if several else 'checkpoint',
        nargs='+' if several else None,
        help='checkpoint file, or a work_dir: its newest',
    )
    parser.add_argument(
        '--config', help='of the model and its data; default: the one in it'
    )
    parser.add_argument(
        '--split',
        choices=SPLITS,
        help='which dataloader of the config; default: the first of '
        f'{", ".join(SPLITS)} that it has',
    )
    parser.add_argument(
        '--trust',
        action='store_true',
        help='read a checkpoint even if that may run code in it',
    )
    _of_data(parser, images)
    of_several = ', of several here' if several else ''
    _everywhere(
        parser, f'in the folder `plots` beside the checkpoint{of_several}'
    )


def _of_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('runs', nargs='+', help='work_dirs')
    _everywhere(parser, 'in the folder `plots` of the run, of several here')


def check_plot(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """What can be refused before anything slow is imported."""
    least = {'images': 1 if args.kind == 'views' else 2, 'queries': 1}
    for flag, number in {**least, 'seed': 0}.items():
        given = getattr(args, flag, None)
        if given is not None and given < number:
            parser.error(f'--{flag} is at least {number}, got {given}')
    out = args.out
    if not out or out.suffix.lower() in ('', *KINDS) or out.is_dir():
        return
    parser.error(
        f'--out {out}: a picture ends in {" or ".join(KINDS)}; without '
        'either, both are written'
    )


def add_plot(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(verbose=False)  # of what others say
    kinds = parser.add_subparsers(
        dest='kind',
        required=True,
        metavar='PICTURE',
        parser_class=type(parser),
    )

    def kind(name: str, text: str, *others: str) -> argparse.ArgumentParser:
        return kinds.add_parser(
            name,
            aliases=others,
            help=text,
            description=f'{text[0].upper()}{text[1:]}.',
        )

    _of_runs(kind('curves', 'what was logged, of one run or several'))
    _of_runs(kind('coupling', 'q over training, by loss and batch size'))
    views = kind('views', 'what the augmentations do, with what they drew')
    views.add_argument('config', help='config, or the work_dir of a run')
    _of_data(views, 8)
    _everywhere(views, 'in the folder `plots` here')
    embedding = kind('embedding', 'the features on a plane')
    embedding.add_argument(
        '--method', choices=METHODS, default='tsne', help='default: tsne'
    )
    _of_checkpoint(embedding, 2000)
    neighbours = kind(
        'neighbours', 'images with their ten nearest', 'neighbors'
    )
    neighbours.add_argument(
        '--queries', type=int, default=10, metavar='N', help='default: 10'
    )
    _of_checkpoint(neighbours, 10000)
    pairs = kind('pairs', 'the hardest negatives and easiest positives')
    _of_checkpoint(pairs, 512)
    spectrum = kind('spectrum', 'singular values of the features')
    _of_checkpoint(spectrum, 2000, several=True)


def check_report(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Comparing runs asks no network, and so takes fewer flags."""
    if len(args.runs) == 1:
        return
    for flag in ('checkpoint', 'data_root', 'no_images', 'trust'):
        if getattr(args, flag):
            parser.error(
                f'--{flag.replace("_", "-")} is for the page of one run, got '
                f'{len(args.runs)} runs'
            )


def add_report(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(verbose=False)  # of what others say
    parser.add_argument(
        'runs',
        nargs='+',
        metavar='WORK_DIR',
        help='of a run; of several, they are compared',
    )
    parser.add_argument(
        '--checkpoint', help='of the run; default: its newest good one'
    )
    parser.add_argument(
        '--out',
        type=Path,
        help='default: report.html in the work_dir, of several here',
    )
    parser.add_argument('--data-root', help='folder of the images')
    parser.add_argument(
        '--no-images',
        action='store_true',
        help='numbers and curves only: nothing is computed with the network',
    )
    parser.add_argument(
        '--trust',
        action='store_true',
        help='read a checkpoint even if that may run code in it',
    )
