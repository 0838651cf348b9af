"""A backbone among the other parts of a detector or segmentor."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..checkpoints import backbone_names
from ..config_parts import short_name
from ..constructors import arguments
from ..errors import UserValueError
from .compiled import check_operators
from .recipe import held_back

# Of the benchmark's backbone, not of the pretrained one.
KEPT = ('frozen_stages', 'norm_eval', 'out_indices', 'drop_path_rate')
# What makes two ResNets of mmpretrain, mmdet and mmseg the same network.
_RESNET = ('depth', 'stem_channels', 'base_channels', 'deep_stem')
_RESNET += ('avg_down', 'style')
# Of one architecture, told apart by arguments that every ResNet has.
_RESNETS = ('ResNet', 'ResNetV1c', 'ResNetV1d')
_SHALLOW = (18, 34)  # of blocks without a bottleneck
# With maps of one size, for which mmdet has no necks.
_PLAIN = ('VisionTransformer', 'ViTEVA02', 'BEiTViT', 'DeiT3')
_NO_VITDET = (
    "mmdet has no detector with a plain transformer: ViTDet is in mmdet's "
    'projects, which are not installed with it. Use a Swin, a ConvNeXt or a '
    'ResNet, or kNN, linear and finetune'
)
# What only pretraining wants of a ConvNeXt or a Swin.
_OF_PRETRAINING = ('norm_cfg', 'out_type', 'gap_before_final_norm')


class Fitted(NamedTuple):
    """What a dense model wants of a checkpoint.

    Attributes:
        wanted: The backbone's tensors, by its own names.
        fresh: Beginnings of names that a pretrained network may lack.
    """

    wanted: dict[str, Tensor]
    fresh: tuple[str, ...]


def fit_dense(cfg: Config, backbone: nn.Module, features: Any) -> Fitted:
    """Fit neck and heads to a backbone, and look whether all can be used.

    Args:
        cfg: Of the detector or segmentor, changed in place.
        backbone: As built of it.
        features: What it gives for an image.

    Raises:
        NotImplementedError: It needs operators that are not compiled.
        ValueError: The backbone gives no maps, or the neck takes others.
    """
    maps = features if isinstance(features, (tuple, list)) else [features]
    if any(x.ndim != 4 for x in maps):
        raise UserValueError(
            f'{cfg.filename} needs maps (B, C, H, W) from its '
            f'backbone, but {type(backbone).__name__} gives '
            f'{tuple(maps[-1].shape)}'
        )
    _fit_heads(cfg, [x.shape[1] for x in maps])
    model = MODELS.build(deepcopy(cfg.model))  # some change their config
    check_operators(cfg, model)
    _check_neck(cfg, model, maps)
    if said := held_back(cfg, backbone):
        print(said)
    names = backbone_names(model, 'backbone')
    state = model.state_dict()
    wanted = {name: state[long] for name, long in names.items()}
    return Fitted(wanted, _norms_of_outputs(wanted) + _offsets(wanted))


def _check_neck(cfg: Config, model: nn.Module, maps: Sequence[Tensor]) -> None:
    neck = getattr(model, 'neck', None)
    if neck is None:
        return
    neck.eval()
    try:
        with torch.no_grad():
            neck(tuple(maps))
    except Exception as error:  # of any kind: the image is a small one
        if 'expected input' not in str(error):  # convolutions say so
            return
        raise UserValueError(
            f'the neck of {cfg.filename}, {type(neck).__name__}, does not '
            f'take maps of {[x.shape[1] for x in maps]} channels, as the '
            "checkpoint's network gives; set them in model.neck"
        ) from error


def class_of(kind: Any) -> type:
    """A registered class, given as its name or itself."""
    if isinstance(kind, type):
        return kind
    with MODELS.switch_scope_and_registry(None) as registry:
        return registry.get(kind)


def take_shared(cfg: Config, theirs: dict, network: nn.Module) -> None:
    """Strides, stages and norms stay those of the detector or segmentor."""
    ours = cfg.model.backbone
    their_kind, our_kind = type(network).__name__, short_name(ours.type)
    both = (their_kind, our_kind)
    if their_kind != our_kind and not all(kind in _RESNETS for kind in both):
        instead = 'give the config of a model with that backbone by --config'
        plain = their_kind in _PLAIN and cfg.get('default_scope') == 'mmdet'
        raise UserValueError(
            f'the checkpoint has a {their_kind}, but {cfg.filename} is '
            f'for a {our_kind}; ' + (_NO_VITDET if plain else instead)
        )
    if their_kind in _RESNETS:
        if our_kind != 'ResNet':
            ours.type = str(ours.type).replace(our_kind, 'ResNet')
        # Of the network, not of its config, which leaves out defaults.
        ours.update({key: getattr(network, key) for key in _RESNET})
        shared_head = (cfg.model.get('roi_head') or {}).get('shared_head')
        if shared_head:
            shared_head.update(depth=network.depth, style=network.style)
        if network.depth in _SHALLOW and ours.get('dcn'):
            raise UserValueError(
                f'{cfg.filename} has deformable convolution (model.backbone.'
                f'dcn), which a ResNet-{network.depth} has no place for; '
                'leave it out by --cfg-options model.backbone.dcn=None'
            )
        return
    if hasattr(network, 'timm_model'):
        aside = (*KEPT, 'type', 'features_only')
        ours.update({k: x for k, x in theirs.items() if k not in aside})
        return
    kind = class_of(ours.type)
    taken = arguments(kind).known
    swin = hasattr(network, 'arch_settings') and their_kind.startswith('Swin')
    if swin and 'arch' not in taken:  # mmdet's or mmseg's
        ours.update(_swin(network))
        return
    for key, value in theirs.items():
        if key in taken and key not in (*KEPT, *_OF_PRETRAINING):
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


def _norms_of_outputs(wanted: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Norms of all maps but the last, which pretraining does not have."""
    norms = {re.match(r'norm(\d+)\.', name) for name in wanted} - {None}
    numbers = sorted({int(norm[1]) for norm in norms if norm})
    return tuple(f'norm{i}.' for i in numbers[:-1])


def _offsets(wanted: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Of deformable convolution, which begins as the plain one."""
    found = {re.match(r'.+\.conv_offset\.', name) for name in wanted}
    return tuple(sorted(match[0] for match in found - {None} if match))


def _fit_heads(cfg: Config, channels: list[int]) -> None:
    """Tell neck and heads how many channels the backbone's maps have.

    What has another form than mmdet's necks, Mask2Former's and mmseg's heads
    is left as it is.
    """
    neck = cfg.model.get('neck')
    if neck:
        _fit_channels(neck[0] if isinstance(neck, list) else neck, channels)
        return
    if panoptic := cfg.model.get('panoptic_head'):
        _fit_channels(panoptic, channels)
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


def _fit_channels(part: dict, channels: list[int]) -> None:
    """Of all maps where it takes several, else of the last."""
    before = part.get('in_channels')
    if isinstance(before, (list, tuple)):
        part['in_channels'] = channels
    elif before is not None:
        part['in_channels'] = channels[-1]
