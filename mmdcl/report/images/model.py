"""A whole model, built from a config that may come from anywhere.

A config in a checkpoint names what is built. Unless it is the user's own, or
its maker is trusted, only models and parts of mmpretrain and mmdcl are.
"""

from collections.abc import Mapping
from functools import partial

from mmengine import registry as upstream
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from ...downstream.pretrained_network import build_network
from ...downstream.strangers import Allowed, is_network
from ...errors import UserValueError
from ...registry import MODELS
from .seeding import seeded

_HEADS = ('beitv1_head', 'cls_head', 'contrastive_head', 'latent_heads')
_HEADS += ('linear_head', 'mae_head', 'mim_head', 'mixmim_head')
_HEADS += ('mocov3_head', 'simmim_head', 'spark_head', 'swav_head')
_HEADS += ('vision_transformer_head',)
_ROOMS = tuple(f'mmpretrain.models.heads.{x}' for x in _HEADS)
_ROOMS += ('mmpretrain.models.necks', 'mmpretrain.models.losses')
_ROOMS += ('mmpretrain.models.classifiers.image', 'mmdcl.views')
_ROOMS += ('mmengine.utils.dl_utils.parrots_wrapper',)  # SyncBN
MODEL = Allowed(
    'model or part of one',
    partial(is_network, rooms=_ROOMS),
    (upstream.MODELS,),
)


def build_model(cfg: Config, trusted: bool) -> nn.Module:
    """The model of a config with random weights, which nobody else draws.

    Raises:
        UserValueError: There is none, or it is not built for strangers.
    """
    model = cfg.get('model')
    if not isinstance(model, Mapping) or 'type' not in model:
        raise UserValueError(
            'the config has no `model`; give that of the network by --config'
        )
    model = dict(model)
    if cfg.get('data_preprocessor'):
        model.setdefault('data_preprocessor', cfg['data_preprocessor'])
    model.pop('target_generator', None)  # others' weights, of no use here
    for parent in (upstream.MODELS, MODELS):
        parent.import_from_location()
    scope = cfg.get('default_scope') or 'mmpretrain'
    with seeded(0), DefaultScope.overwrite_default_scope(str(scope)):
        return build_network(model, trusted, MODEL)
