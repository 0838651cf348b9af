"""Give a benchmark the network of a checkpoint, or say why not."""

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope, init_default_scope
from torch import Tensor, nn

from ..checkpoints import backbone_names, find_backbone
from ..checkpoints.architecture import (
    check_style,
    plain_backbone,
    pretrained_backbone,
)
from ..checkpoints.channels import short_name
from ..constructors import arguments
from ..engine.features import image_features, last_output
from ..errors import UserValueError
from .pretrained_network import build_network, network_config

# Of the benchmark's backbone, not of the pretrained one.
KEPT = ('frozen_stages', 'norm_eval', 'out_indices', 'drop_path_rate')
# What makes two ResNets of mmpretrain, mmdet and mmseg the same network.
RESNET = ('depth', 'stem_channels', 'base_channels', 'deep_stem')
RESNET += ('avg_down', 'style')
# Of one architecture, told apart by arguments that every ResNet has.
RESNETS = ('ResNet', 'ResNetV1c', 'ResNetV1d')
POOLING = ('GlobalAveragePooling', 'GeneralizedMeanPooling')
_SIZES = (64, 224)  # pixels; some networks refuse small images
_DOT = 'model.backbone.'


class Adopted(NamedTuple):
    """A backbone in a benchmark.

    Attributes:
        tensors: Of the checkpoint, by the names of the backbone.
        fresh: Beginnings of names that only the benchmark has.
    """

    tensors: dict[str, Tensor]
    fresh: tuple[str, ...]


def adopt_backbone(
    cfg: Config,
    checkpoint: Mapping[str, Any],
    prefix: str | None = None,
    options: Mapping[str, Any] | None = None,
    trust: bool = False,
    frozen: bool = False,
    pooled: bool = True,
) -> Adopted:
    """Give the benchmark the checkpoint's network, and check that it fits.

    A classifier takes the network as it was pretrained. A detector or
    segmentor keeps its own backbone's strides, stages and norms, and takes
    what makes two networks the same: sizes, widths, style.

    Args:
        cfg: Of the benchmark, changed in place.
        checkpoint: Of :func:`mmdcl.checkpoints.read_checkpoint`.
        prefix: As for :func:`mmdcl.checkpoints.find_backbone`.
        options: The user's, of which ``model.backbone.*`` wins.
        trust: Build whatever the checkpoint names.
        frozen: Nothing of the backbone is to be trained.
        pooled: A classifier needs one vector an image.

    Raises:
        ValueError: The checkpoint does not hold that network, names one
            that is not built for strangers, or holds one that the benchmark
            has no use for.
    """
    scope = cfg.get('default_scope', 'mmpretrain')
    init_default_scope(scope)
    theirs = pretrained_backbone(checkpoint)
    chosen = {
        key: value
        for key, value in (options or {}).items()
        if key.startswith(_DOT)
        and not key.startswith((f'{_DOT}init_cfg', f'{_DOT}pretrained'))
    }
    if theirs:
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            network = build_network(theirs, trust)
            plain = plain_backbone if trust else network_config
            theirs = plain(theirs)
        _name_the_network(theirs, cfg.model.backbone)
        if 'head' in cfg.model:
            _take_all(cfg, theirs, network)
        else:
            _take_shared(cfg, theirs, network)
        cfg.merge_from_dict(chosen)
    backbone = MODELS.build(plain_backbone(cfg.model.backbone))
    backbone.eval()
    features = _features(backbone)
    fresh: tuple[str, ...] = ()
    if 'head' in cfg.model:
        _one_vector(cfg, backbone, features, pooled)
        wanted = backbone.state_dict()
        if frozen:
            _freeze(cfg)
    else:
        maps = features if isinstance(features, (tuple, list)) else [features]
        if any(x.ndim != 4 for x in maps):
            raise UserValueError(
                f'{cfg.filename} needs maps (B, C, H, W) from its '
                f'backbone, but {type(backbone).__name__} gives '
                f'{tuple(maps[-1].shape)}'
            )
        _fit_heads(cfg, [x.shape[1] for x in maps])
        model = MODELS.build(deepcopy(cfg.model))  # some change their config
        names = backbone_names(model, 'backbone')
        state = model.state_dict()
        wanted = {name: state[long] for name, long in names.items()}
        fresh = _norms_of_outputs(wanted)
    try:
        tensors = find_backbone(checkpoint, wanted, prefix, fresh).tensors
    except ValueError as error:
        if theirs:
            raise
        tried = ', '.join(f'{key}={value}' for key, value in chosen.items())
        raise UserValueError(
            f'{error}\nThe file does not say what network it is, so '
            f'that of {cfg.filename} was tried'
            + (
                f', with {tried}'
                if tried
                else '; say it by --cfg-options, such as model.backbone.'
                'depth=18 or model.backbone.type=ResNet_CIFAR'
            )
        ) from error
    fresh = tuple(
        name
        for name in fresh
        if not any(found.startswith(name) for found in tensors)
    )
    if fresh:
        print(
            'the pretrained network has no '
            f'{", ".join(name.rstrip(".") for name in fresh)}: fresh, as in '
            'every detector and segmentor of its kind'
        )
    check_style(checkpoint, backbone)
    return Adopted(tensors, fresh)


def _features(backbone: nn.Module) -> Any:
    """What a backbone gives for an image of zeros."""
    for size in _SIZES:
        try:
            with torch.no_grad():
                return backbone(torch.zeros(1, 3, size, size))
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).partition('\n')[0] or type(error).__name__
    raise UserValueError(
        f'{type(backbone).__name__} of the checkpoint takes no images '
        f'(1, 3, {size}, {size}): {reason}'
    )


def _name_the_network(theirs: dict, ours: dict) -> None:
    named = [
        f'{x.get("type")} {x.get("depth", x.get("arch", ""))}'.strip()
        for x in (theirs, ours)
    ]
    if named[0] != named[1]:
        print(f'network of the checkpoint: {named[0]}, not {named[1]}')


def _class_of(kind: Any) -> type:
    if isinstance(kind, type):
        return kind
    with MODELS.switch_scope_and_registry(None) as registry:
        return registry.get(kind)


def _without_masks(theirs: dict, network: nn.Module) -> tuple[dict, type]:
    """The plain network of one that masks its images in pretraining."""
    kind = type(network)
    if not kind.__module__.startswith('mmpretrain.models.selfsup'):
        return theirs, kind
    plain = next(
        (
            base
            for base in kind.__mro__
            if base.__module__.startswith('mmpretrain.models.backbones')
        ),
        None,
    )
    if plain is None:
        raise UserValueError(
            f'{kind.__name__} works in pretraining only; give the '
            'weights of a plain network'
        )
    defaults = {
        name: parameter.default
        for name, parameter in arguments(kind).known.items()
        if parameter is not None and parameter.default is not parameter.empty
    }
    taken = arguments(plain).known
    settings = {
        name: value
        for name, value in {**defaults, **theirs}.items()
        if name in taken and name != 'init_cfg'
    }
    if getattr(network, 'cls_token', None) is not None:
        settings['out_type'] = 'cls_token'
    print(f'{plain.__name__} instead of {kind.__name__}, which masks images')
    return {**settings, 'type': plain.__name__}, plain


def _take_all(cfg: Config, theirs: dict, network: nn.Module) -> None:
    ours = cfg.model.backbone
    theirs, kind = _without_masks(theirs, network)
    other = _class_of(ours.type)
    kept = {}
    # Numbers of stages mean something else in another architecture.
    if issubclass(kind, other) or issubclass(other, kind):
        kept = {key: ours[key] for key in KEPT if key in ours}
    theirs = {k: v for k, v in theirs.items() if k != 'frozen_stages'}
    cfg.model.backbone = {**theirs, **kept}


def _one_vector(
    cfg: Config, backbone: nn.Module, features: Any, pooled: bool
) -> None:
    """Fit neck and classifier to what the backbone gives."""
    last = last_output(features)
    if isinstance(last, Tensor) and last.ndim < 4:
        neck = cfg.model.get('neck')
        if neck and short_name(neck.get('type')) in POOLING:
            cfg.model.pop('neck')
        if last.ndim == 3 and pooled:
            raise UserValueError(
                f'{type(backbone).__name__} gives tokens '
                f'{tuple(last.shape)}, and a linear classifier needs one '
                'vector an image; set --cfg-options model.backbone.out_type='
                'cls_token, or use --protocol knn, which averages them'
            )
    cfg.model.head.in_channels = image_features(features).shape[1]


def _freeze(cfg: Config) -> None:
    """Set ``frozen_stages`` so that nothing of the backbone is trained."""
    ours = plain_backbone(cfg.model.backbone)
    kind = _class_of(ours['type'])
    if 'frozen_stages' in arguments(kind).known or 'frozen_stages' in ours:
        built = MODELS.build({**ours, 'frozen_stages': -1})
        depths = [ours.get('frozen_stages', -1)]
        for name in ('layers', 'stages'):
            parts = getattr(built, name, None) or []
            depths += [len(parts) - 1, len(parts)]
        for depth in depths:
            try:
                built = MODELS.build({**ours, 'frozen_stages': depth})
                built.train()
            except (AssertionError, IndexError, AttributeError, ValueError):
                continue
            if not any(x.requires_grad for x in built.parameters()):
                cfg.model.backbone.frozen_stages = depth
                return
    raise UserValueError(
        '--protocol linear trains the classifier only, but '
        f'{kind.__name__} cannot be frozen as a whole by its `frozen_stages`; '
        'use --protocol knn or finetune'
    )


def _take_shared(cfg: Config, theirs: dict, network: nn.Module) -> None:
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
    kind = _class_of(ours.type)
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


def _norms_of_outputs(wanted: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Norms of all maps but the last, which pretraining does not have."""
    norms = {re.match(r'norm(\d+)\.', name) for name in wanted} - {None}
    numbers = sorted({int(norm[1]) for norm in norms if norm})
    return tuple(f'norm{i}.' for i in numbers[:-1])


def _fit_heads(cfg: Config, channels: list[int]) -> None:
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
