"""Flags of ``mmdcl export``. Imports nothing that is slow."""

import argparse

STYLES = ('torchvision', 'timm', 'timm-hub', 'detectron2', 'mmpretrain')
_OF_HUB = ('run', 'results', 'license', 'force')


def add_export(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(verbose=False)  # of what others say
    parser.add_argument('checkpoint')
    parser.add_argument(
        'out',
        help='ends in .pth or .safetensors, or in .pkl for detectron2; of '
        'timm-hub the folder',
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
    parser.add_argument(
        '--run',
        metavar='WORK_DIR',
        help='timm-hub: the training that the card tells of; default: the '
        'folder of the checkpoint',
    )
    parser.add_argument(
        '--results',
        metavar='JSONL',
        help='timm-hub: what `mmdcl evaluate` wrote about the checkpoint; '
        'default: as `mmdcl report` finds it',
    )
    parser.add_argument(
        '--license',
        help='timm-hub: of the weights, as hubs name it, such as apache-2.0',
    )
    parser.add_argument(
        '--half',
        action='store_true',
        help='weights in half precision; timm-hub, or a .safetensors',
    )
    parser.add_argument(
        '--force',
        action='store_true',
        help='timm-hub: into a folder that is not empty; other files stay',
    )


def check_export(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """What no single flag can see."""
    if args.style == 'timm-hub':
        if args.out.endswith(('.pth', '.safetensors', '.pkl')):
            parser.error(f'{args.out}: --style timm-hub writes a folder')
        return
    for name in _OF_HUB:
        if getattr(args, name):
            parser.error(f'--{name} is for --style timm-hub')
    if args.half and not args.out.endswith('.safetensors'):
        parser.error('--half is for --style timm-hub, or a .safetensors')
