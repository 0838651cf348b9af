"""A backbone among the other parts of a detector or segmentor."""

import re
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..checkpoints.channels import short_name
from ..constructors import arguments
from ..errors import UserValueError

# Of the benchmark's backbone, not of the pretrained one.
KEPT = ('frozen_stages', 'norm_eval', 'out_indices', 'drop_path_rate')
# What makes two ResNets of mmpretrain, mmdet and mmseg the same network.
RESNET = ('depth', 'stem_channels', 'base_channels', 'deep_stem')
RESNET += ('avg_down', 'style')
# Of one architecture, told apart by arguments that every ResNet has.
RESNETS = ('ResNet', 'ResNetV1c', 'ResNetV1d')


def class_of(kind: Any) -> type:
    if isinstance(kind, type):
        return kind
    with MODELS.switch_scope_and_registry(None) as registry:
        return registry.get(kind)


def take_shared(cfg: Config, theirs: dict, network: nn.Module) -> None:
    """Strides, stages and norms stay those of the detector or segmentor."""
    ours = cfg.model.backbone
    their_kind, our_kind = type(network).__name__, short_name(ours.type)
    both = (their_kind, our_kind)
    if their_kind != our_kind and not all(kind in RESNETS for kind in both):
        raise UserValueError(
            f'the checkpoint has a {their_kind}, but {cfg.filename} is '
            f'for a {our_kind}; give the config of a model with that backbone '
            'by --config'
        )
    if their_kind in RESNETS:
        if our_kind != 'ResNet':
            ours.type = str(ours.type).replace(our_kind, 'ResNet')
        # Of the network, not of its config, which leaves out defaults.
        ours.update({key: getattr(network, key) for key in RESNET})
        shared_head = (cfg.model.get('roi_head') or {}).get('shared_head')
        if shared_head:
            shared_head.update(depth=network.depth, style=network.style)
        return
    kind = class_of(ours.type)
    taken = arguments(kind).known
    swin = hasattr(network, 'arch_settings') and their_kind.startswith('Swin')
    if swin and 'arch' not in taken:  # mmdet's or mmseg's
        ours.update(_swin(network))
        return
    for key, value in theirs.items():
        if key in taken and key not in (*KEPT, 'norm_cfg', 'out_type'):
            ours[key] = value


def _swin(network: Any) -> dict[str, Any]:
    """mmpretrain's Swin in the arguments of mmdet's and mmseg's."""
    if network.use_abs_pos_embed:
        raise UserValueError(
            'the checkpoint has absolute positions (use_abs_pos_embed), and '
            'detectors and segmentors see images of other sizes'
        )
    block = network.stages[0].blocks[0]
    return dict(
        embed_dims=network.embed_dims,
        depths=tuple(network.depths),
        num_heads=tuple(network.num_heads),
        window_size=block.attn.w_msa.window_size[0],
        patch_size=network.patch_embed.projection.kernel_size[0],
        mlp_ratio=block.ffn.feedforward_channels // network.embed_dims,
        qkv_bias=block.attn.w_msa.qkv.bias is not None,
        convert_weights=False,
    )


def norms_of_outputs(wanted: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Norms of all maps but the last, which pretraining does not have."""
    norms = {re.match(r'norm(\d+)\.', name) for name in wanted} - {None}
    numbers = sorted({int(norm[1]) for norm in norms if norm})
    return tuple(f'norm{i}.' for i in numbers[:-1])


def fit_heads(cfg: Config, channels: list[int]) -> None:
    """Tell neck and heads how many channels the backbone's maps have.

    What has another form than FPN or mmseg's heads is left as it is.
    """
    neck = cfg.model.get('neck')
    if neck:
        first = neck[0] if isinstance(neck, list) else neck
        if isinstance(first.get('in_channels'), list):
            first.in_channels = channels
        return
    for name in ('decode_head', 'auxiliary_head'):
        heads = cfg.model.get(name) or []
        for head in heads if isinstance(heads, list) else [heads]:
            at = head.get('in_index')
            if isinstance(at, int):
                head.in_channels = channels[at]
            elif at is not None:
                head.in_channels = [channels[i] for i in at]
    rpn = cfg.model.get('rpn_head')
    if rpn and rpn.get('in_channels', channels[-1]) != channels[-1]:
        raise UserValueError(
            f'the heads of {cfg.filename} are for {rpn.in_channels} '
            f'channels, as ResNet-50 gives, not {channels[-1]}; use a config '
            'with FPN, which adapts'
        )
