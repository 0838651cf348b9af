"""``mmdcl export``: a backbone for another library, and the proof."""

import argparse
import sys
from importlib.util import find_spec
from typing import NamedTuple

import torch
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from ..checkpoints import find_backbone, read_checkpoint
from ..checkpoints.architecture import pretrained_backbone
from ..checkpoints.export import rename, write_backbone
from ..checkpoints.metadata import metadata_of
from ..checkpoints.strict import only_strict
from ..config_parts import short_name
from ..downstream.pretrained_network import build_network, largest_network
from ..errors import UserValueError
from .configuration import read_config
from .proof import exact_gap, library_of
from .rounding import halved, round_network
from .timm_network import as_timm, is_resnet
from .twins import torchvision_twin

_DEPTHS = (18, 34, 50, 101, 152)  # of ResNets that others have


def backbone_of(checkpoint: dict, args: argparse.Namespace) -> dict:
    """The config of the network that the weights belong to."""
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
    of_timm = short_name(backbone['type']) == 'TIMMBackbone'
    if of_timm and not backbone.get('features_only'):
        return {**backbone, 'type': 'mmdcl.TIMMBackbone'}  # timm's features
    return backbone


def load(checkpoint: dict, args: argparse.Namespace) -> nn.Module:
    """The network of a checkpoint, with its weights, on the CPU."""
    backbone = backbone_of(checkpoint, args)
    init_default_scope('mmpretrain')
    trust = bool(args.config) or args.trust
    ours = build_network(backbone, trust, most=largest_network(checkpoint))
    found = find_backbone(checkpoint, ours.state_dict(), args.prefix)
    ours.load_state_dict(found.tensors, strict=False)
    return ours


class Target(NamedTuple):
    """The same network of another library.

    Attributes:
        network: Without a classifier; its weights are of no interest.
        made: How the library makes it, where its name does not say it all.
    """

    network: nn.Module
    made: str = ''


def target(style: str, ours: nn.Module, backbone: dict) -> Target | None:
    """The same network of the library itself, if it is installed.

    Raises:
        ValueError: The library has none.
    """
    if not is_resnet(ours):
        return _transformer(style, ours, backbone)
    depth = ours.depth
    if depth not in _DEPTHS:
        raise UserValueError(
            f'{style} has no ResNet-{depth}; use --style mmpretrain'
        )
    if style == 'timm' and find_spec('timm'):
        import timm

        return Target(timm.create_model(f'resnet{depth}', num_classes=0))
    if style in ('torchvision', 'timm') and find_spec('torchvision'):
        from torchvision import models

        theirs = models.get_model(f'resnet{depth}', weights=None)
        theirs.fc = nn.Identity()
        return Target(theirs)
    if style == 'detectron2' and find_spec('detectron2'):
        from detectron2.modeling.backbone.resnet import BasicStem, ResNet

        strides = dict(stride_in_1x1=False) if depth > 34 else {}
        stages = ResNet.make_default_stages(depth, norm='BN', **strides)
        stem = BasicStem(norm='BN')
        return Target(ResNet(stem, stages, out_features=['res5']))
    return None


def _transformer(style: str, ours: nn.Module, backbone: dict) -> Target | None:
    """Of a ViT, Swin or ConvNeXt, or of what is timm's already."""
    if style == 'timm' and find_spec('timm'):
        theirs, _ = as_timm(ours, backbone)
        said = [repr(theirs.name)]
        said += [f'{k}={x!r}' for k, x in theirs.arguments.items()]
        made = f'timm.create_model({", ".join(said)}, num_classes=0)'
        return Target(theirs.network, made)
    if style == 'torchvision' and find_spec('torchvision'):
        from torchvision import models

        name, arguments = torchvision_twin(ours)
        theirs = models.get_model(name, weights=None, **arguments)
        if name.startswith('convnext'):
            theirs.classifier[-1] = nn.Identity()
        elif name.startswith('vit'):
            theirs.heads = nn.Identity()
        else:
            theirs.head = nn.Identity()
        return Target(theirs)
    return None


def prove(
    style: str, ours: nn.Module, tensors: dict[str, Tensor], backbone: dict
) -> str:
    """Load into the library's network; the same features or an error."""
    found = target(style, ours, backbone)
    renamed = rename(tensors, style)
    if found is None:
        return f'{style} is not installed here: names and shapes only'
    theirs = found.network
    wanted = theirs.state_dict()
    try:
        for name in sorted(renamed.keys() ^ wanted.keys()):
            if not name.endswith('num_batches_tracked'):
                raise ValueError(f'{name} is in one of the two only')
        theirs.load_state_dict(renamed, strict=False)
    except (RuntimeError, ValueError) as error:  # names; shapes
        sys.exit(
            f'error: {style} has no such network; one of its own widths and '
            f'stem is needed: {_first_difference(error)}. Use --style '
            'mmpretrain'
        )
    gap = exact_gap(ours, theirs, torch.randn(2, 3, *_size(ours)))
    made = f': {found.made}' if found.made else ''
    close = f'{gap:.0e}' if gap else 'the last digit'
    return f'the same features in {library_of(theirs)}, to {close}{made}'


def _size(ours: nn.Module) -> tuple[int, int]:
    """Of images that both networks take, in pixels."""
    inner = getattr(ours, 'timm_model', ours)
    own = getattr(inner, 'img_size', None)
    own = own or getattr(getattr(inner, 'patch_embed', 0), 'img_size', None)
    if own is None and (shape := getattr(ours, 'patch_resolution', None)):
        patch = ours.patch_embed.projection.kernel_size[0]
        own = tuple(x * patch for x in shape)
    return own or (96, 96)


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
    ours = load(checkpoint, args)
    tensors = ours.state_dict()
    if args.style == 'mmpretrain':
        proof = 'names and shapes'
    else:
        backbone = backbone_of(checkpoint, args)
        proof = prove(args.style, ours, tensors, backbone)
    if args.half:
        gap = round_network(ours, torch.randn(2, 3, *_size(ours)))
        proof += f'; half precision changes features by {gap} of their length'
        tensors = {name: halved(x) for name, x in tensors.items()}
    metadata = None if args.config else metadata_of(checkpoint)
    written = write_backbone(tensors, args.out, args.style, metadata)
    print(f'{args.out}: all {len(written)} tensors, {proof}')
