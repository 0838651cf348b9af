"""A backbone among the other parts of a classifier."""

from typing import Any

from mmengine.config import Config
from torch import Tensor, nn

from ..config_parts import short_name
from ..constructors import arguments
from ..engine.features import image_features, last_output
from ..errors import UserValueError
from .dense import KEPT, class_of
from .probing import built, features_of_zeros, image_sizes

_POOLING = ('GlobalAveragePooling', 'GeneralizedMeanPooling')


def fit_classifier(
    cfg: Config,
    backbone: nn.Module,
    features: Any,
    pooled: bool,
    frozen: bool,
) -> dict[str, Tensor]:
    """Fit neck and classifier to a backbone.

    Args:
        cfg: Of the classifier, changed in place.
        backbone: As built of it.
        features: What it gives for an image.
        pooled: It must give one vector an image.
        frozen: Nothing of it is to be trained.

    Returns:
        Its tensors, by its own names.

    Raises:
        ValueError: It gives tokens alone, or cannot be frozen.
    """
    if pooled and getattr(last_output(features), 'ndim', 0) == 3:
        backbone = _without_tokens(cfg, backbone, features)
        features = features_of_zeros(backbone, image_sizes(cfg))
    _one_vector(cfg, features)
    wanted = backbone.state_dict()
    if frozen:
        _freeze(cfg, backbone)
    return wanted


def take_all(cfg: Config, theirs: dict, network: nn.Module) -> None:
    """The network as it was pretrained; what is trained is the benchmark's."""
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
    return built(cfg)


def _one_vector(cfg: Config, features: Any) -> None:
    """Fit neck and classifier to what the backbone gives."""
    last = last_output(features)
    neck = cfg.model.get('neck')
    maps = isinstance(last, Tensor) and last.ndim == 4
    if maps and not neck:
        cfg.model.neck = dict(type='GlobalAveragePooling')
    elif not maps and neck and short_name(neck.get('type')) in _POOLING:
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
