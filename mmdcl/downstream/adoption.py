"""Give a benchmark the network of a checkpoint, or say why not."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope
from torch import Tensor

from ..checkpoints import find_backbone
from ..checkpoints.architecture import (
    check_style,
    plain_backbone,
    pretrained_backbone,
)
from ..errors import UserValueError
from .classifier import fit_classifier, take_all
from .compiled import check_operators
from .dense import fit_dense, take_shared
from .pretrained_network import (
    build_network,
    largest_network,
    network_config,
    without_masks,
)
from .probing import built, features_of_zeros, image_sizes

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
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
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
            theirs, network = without_masks(plain(theirs), network)
        _name_the_network(theirs, cfg.model.backbone)
        if 'head' in cfg.model:
            take_all(cfg, theirs, network)
        else:
            take_shared(cfg, theirs, network)
        cfg.merge_from_dict(chosen)
    backbone = built(cfg)
    check_operators(cfg, backbone, 'model.backbone')
    features = features_of_zeros(backbone, image_sizes(cfg))
    fresh: tuple[str, ...] = ()
    if 'head' in cfg.model:
        wanted = fit_classifier(cfg, backbone, features, pooled, frozen)
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
