"""``mmdcl export``: a backbone for another library, and the proof."""

import argparse
import sys
from importlib.util import find_spec

import torch
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from ..checkpoints import find_backbone, read_checkpoint
from ..checkpoints.architecture import pretrained_backbone
from ..checkpoints.export import rename, write_backbone
from ..checkpoints.metadata import metadata_of
from ..checkpoints.strict import only_strict
from ..downstream.pretrained_network import build_network
from ..engine.features import image_features
from .configuration import read_config


def build(checkpoint: dict, args: argparse.Namespace) -> nn.Module:
    """The network that the weights belong to, on the CPU."""
    if args.config:
        model = read_config(args.config).get('model') or {}
        backbone = model.get('backbone')
    else:
        backbone = pretrained_backbone(checkpoint)
    if not backbone:
        sys.exit(
            'error: the checkpoint does not say what network it is; give its '
            'config by --config'
        )
    init_default_scope('mmpretrain')
    return build_network(backbone, trust=bool(args.config) or args.trust)


def target(style: str, ours: nn.Module) -> nn.Module | None:
    """The same network of the library itself, if it is installed."""
    depth = getattr(ours, 'depth', None)
    if style == 'timm' and find_spec('timm'):
        import timm

        return timm.create_model(f'resnet{depth}', num_classes=0)
    if style in ('torchvision', 'timm') and find_spec('torchvision'):
        from torchvision import models

        theirs = models.get_model(f'resnet{depth}', weights=None)
        theirs.fc = nn.Identity()
        return theirs
    if style == 'detectron2' and find_spec('detectron2'):
        from detectron2.modeling.backbone.resnet import BasicStem, ResNet

        strides = dict(stride_in_1x1=False) if depth > 34 else {}
        stages = ResNet.make_default_stages(depth, norm='BN', **strides)
        stem = BasicStem(norm='BN')
        return ResNet(stem, stages, out_features=['res5'])
    return None


def features(backbone: nn.Module, images: Tensor) -> Tensor:
    backbone.eval()
    with torch.no_grad():
        found = backbone(images)
        found = found['res5'] if isinstance(found, dict) else found
        return image_features(found)


def prove(style: str, ours: nn.Module, tensors: dict[str, Tensor]) -> str:
    """Load into the library's network; the same features or an error."""
    renamed = rename(tensors, style)
    theirs = target(style, ours)
    if theirs is None:
        return f'{style} is not installed here: names and shapes only'
    wanted = theirs.state_dict()
    try:
        for name in sorted(renamed.keys() ^ wanted.keys()):
            if not name.endswith('num_batches_tracked'):
                raise ValueError(f'{name} is in one of the two only')
        theirs.load_state_dict(renamed, strict=False)
    except (RuntimeError, ValueError) as error:  # names; shapes
        sys.exit(
            f'error: {style} has no such network; a ResNet of its own widths '
            f'and stem is needed: {_first_difference(error)}. Use --style '
            'mmpretrain'
        )
    images = torch.randn(2, 3, 96, 96)
    gap = (features(ours, images) - features(theirs, images)).abs().max()
    if not gap <= 1e-5:
        sys.exit(
            f'error: {type(theirs).__module__} computes other features from '
            f'these weights (by {gap:.1e}); is the backbone of another style, '
            'such as caffe?'
        )
    library = type(theirs).__module__.partition('.')[0]
    return f'the same features in {library}, to {gap:.0e}'


def _first_difference(error: Exception) -> str:
    """Of the many lines in which torch compares two networks."""
    lines = [line.strip(' \t.') for line in str(error).splitlines()]
    return lines[min(1, len(lines) - 1)]


def run(args: argparse.Namespace) -> None:
    """Export as the flags say; see ``mmdcl.cli.flags``."""
    only_strict(args.trust)  # a config given may name files of its own
    if args.style == 'timm-hub':
        from .export_hub import write_folder

        write_folder(args)
        return
    checkpoint = read_checkpoint(args.checkpoint, args.trust)
    ours = build(checkpoint, args)
    found = find_backbone(checkpoint, ours.state_dict(), args.prefix)
    ours.load_state_dict(found.tensors, strict=False)
    tensors = ours.state_dict()
    if args.style == 'mmpretrain':
        proof = 'names and shapes'
    else:
        proof = prove(args.style, ours, tensors)
    metadata = None if args.config else metadata_of(checkpoint)
    written = write_backbone(tensors, args.out, args.style, metadata)
    print(f'{args.out}: all {len(written)} tensors, {proof}')
