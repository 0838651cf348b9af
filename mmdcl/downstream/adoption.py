"""Give a benchmark the network of a checkpoint, or say why not."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope, init_default_scope
from torch import Tensor, nn

from ..checkpoints import find_backbone
from ..checkpoints.architecture import (
    check_style,
    plain_backbone,
    pretrained_backbone,
)
from ..checkpoints.channels import short_name
from ..constructors import arguments
from ..engine.band_check import input_channels
from ..engine.features import image_features, last_output
from ..errors import UserValueError
from .compiled import check_operators
from .dense import KEPT, class_of, fit_dense, take_shared
from .pretrained_network import (
    build_network,
    largest_network,
    network_config,
)

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
            most = largest_network(checkpoint)
            network = build_network(theirs, trust, most=most)
            plain = plain_backbone if trust else network_config
            theirs = plain(theirs)
            theirs, network = _without_masks(theirs, network)
        _name_the_network(theirs, cfg.model.backbone)
        if 'head' in cfg.model:
            _take_all(cfg, theirs, network)
        else:
            take_shared(cfg, theirs, network)
        cfg.merge_from_dict(chosen)
    backbone = MODELS.build(plain_backbone(cfg.model.backbone))
    backbone.eval()
    check_operators(cfg, backbone, 'model.backbone')
    sizes = _image_sizes(cfg)
    features = _features(backbone, sizes)
    fresh: tuple[str, ...] = ()
    if 'head' in cfg.model:
        if pooled and getattr(last_output(features), 'ndim', 0) == 3:
            backbone = _without_tokens(cfg, backbone, features)
            features = _features(backbone, sizes)
        _one_vector(cfg, features)
        wanted = backbone.state_dict()
        if frozen:
            _freeze(cfg, backbone)
    else:
        wanted, fresh = fit_dense(cfg, backbone, features)
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


def _features(backbone: nn.Module, sizes: Sequence[tuple[int, int]]) -> Any:
    """What a backbone gives for an image of zeros, of the first size it takes.

    Raises:
        ValueError: It takes none.
    """
    channels = input_channels(backbone) or 3
    for size in sizes:
        try:
            with torch.no_grad():
                return backbone(torch.zeros(1, channels, *size))
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).partition('\n')[0] or type(error).__name__
    raise UserValueError(
        f'{type(backbone).__name__} of the checkpoint takes no images of '
        f'{size[0]} x {size[1]} px: {reason}'
    )


def _image_sizes(cfg: Config) -> list[tuple[int, int]]:
    """Of the images that a classifier is tested on, or some to be tried."""
    loader = cfg.get('test_dataloader') or {}
    pipeline = (loader.get('dataset') or {}).get('pipeline') or []
    if 'head' in cfg.model:  # images of a detector are large and of any size
        for transform in reversed(pipeline):
            size = transform.get('crop_size') or transform.get('scale')
            if isinstance(size, int):
                return [(size, size)]
            if isinstance(size, (list, tuple)) and len(size) == 2:
                return [tuple(size)]
    return [(size, size) for size in _SIZES]


def _name_the_network(theirs: dict, ours: dict) -> None:
    sizes = [
        x.get('model_name') or x.get('depth') or x.get('arch') or ''
        for x in (theirs, ours)
    ]
    named = [
        f'{x.get("type")} {size if isinstance(size, (int, str)) else ""}'
        for x, size in zip((theirs, ours), sizes, strict=True)
    ]
    named = [name.strip() for name in named]
    if named[0] != named[1]:
        print(f'network of the checkpoint: {named[0]}, not {named[1]}')


def _without_masks(theirs: dict, network: nn.Module) -> tuple[dict, nn.Module]:
    """The plain network of one that is for pretraining only.

    Those of MAE and others mask their images.
    """
    kind = type(network)
    if not kind.__module__.startswith('mmpretrain.models.selfsup'):
        return theirs, network
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
    if isinstance(settings.get('arch'), str):  # some names are theirs alone
        settings['arch'] = getattr(network, 'arch_settings', settings['arch'])
    print(f'{plain.__name__} instead of {kind.__name__}, of pretraining only')
    return {**settings, 'type': plain.__name__}, plain(**settings)


def _take_all(cfg: Config, theirs: dict, network: nn.Module) -> None:
    ours, kind = cfg.model.backbone, type(network)
    if hasattr(network, 'timm_model'):
        theirs = _pooled_by_timm(theirs, network)
    other = class_of(ours.type)
    kept = {}
    # Numbers of stages mean something else in another architecture.
    if issubclass(kind, other) or issubclass(other, kind):
        kept = {key: ours[key] for key in KEPT if key in ours}
    theirs = {k: v for k, v in theirs.items() if k != 'frozen_stages'}
    cfg.model.backbone = {**theirs, **kept}


def _pooled_by_timm(theirs: dict, network: Any) -> dict:
    """A network of timm as one vector an image, for images of any size."""
    if theirs.get('features_only'):
        return theirs
    if hasattr(network.timm_model, 'dynamic_img_size'):
        theirs = {**theirs, 'dynamic_img_size': True}
    if not str(theirs['type']).startswith('mmdcl.'):
        print(f'{theirs["model_name"]}: features pooled as timm pools them')
    return {**theirs, 'type': 'mmdcl.TIMMBackbone'}


def _without_tokens(
    cfg: Config, backbone: nn.Module, features: Any
) -> nn.Module:
    """The same weights, and the class token or averaged patches of them."""
    name = type(backbone).__name__
    shape = tuple(last_output(features).shape)
    if 'out_type' not in arguments(type(backbone)).known:
        raise UserValueError(
            f'{name} gives tokens {shape}, and a classifier needs one vector '
            'an image; use --protocol knn, which averages them'
        )
    has_one = getattr(backbone, 'cls_token', None) is not None
    cfg.model.backbone.out_type = 'cls_token' if has_one else 'featmap'
    print(
        f'{name} gives tokens {shape}: '
        + ('the class token' if has_one else 'the average of all patches')
        + ' goes to the classifier'
    )
    pooled = MODELS.build(plain_backbone(cfg.model.backbone))
    pooled.eval()  # of upstream's backbones, returns nothing
    return pooled


def _one_vector(cfg: Config, features: Any) -> None:
    """Fit neck and classifier to what the backbone gives."""
    last = last_output(features)
    neck = cfg.model.get('neck')
    maps = isinstance(last, Tensor) and last.ndim == 4
    if maps and not neck:
        cfg.model.neck = dict(type='GlobalAveragePooling')
    elif not maps and neck and short_name(neck.get('type')) in POOLING:
        cfg.model.pop('neck')
    cfg.model.head.in_channels = image_features(features).shape[1]


def _freeze(cfg: Config, backbone: nn.Module) -> None:
    """Leave nothing of the backbone to be trained, whatever it is."""
    backbone.train()  # in which some freeze
    if not any(x.requires_grad for x in backbone.parameters()):
        return
    if short_name(cfg.model.type) != 'ImageClassifier':
        raise UserValueError(
            '--protocol linear trains the classifier only, and does not know '
            f'how to freeze the backbone of a {cfg.model.type}; give a config '
            'with model.type=ImageClassifier'
        )
    cfg.model.type = 'mmdcl.FrozenBackboneClassifier'
