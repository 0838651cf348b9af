"""Fit a benchmark to a checkpoint and to its data, or say why not."""

import argparse
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, MODELS, init_default_scope

from mmdcl.checkpoints import backbone_names, find_backbone
from mmdcl.checkpoints.architecture import (
    check_style,
    plain_backbone,
    pretraining_config,
)
from mmdcl.engine.features import image_features

# Of the benchmark's backbone, not of the pretrained one.
KEPT = ('frozen_stages', 'norm_eval', 'out_indices', 'drop_path_rate')
# What makes two ResNets of mmpretrain, mmdet and mmseg the same network.
RESNET = ('depth', 'stem_channels', 'base_channels', 'deep_stem')
RESNET += ('avg_down', 'style')


def adopt_backbone(
    cfg: Config, checkpoint: dict[str, Any], args: argparse.Namespace
) -> None:
    """Give the benchmark the checkpoint's network, and check that it fits."""
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    pretraining = pretraining_config(checkpoint)
    theirs = (pretraining.get('model') or {}).get('backbone')
    if theirs:
        _name_the_network(theirs, cfg.model.backbone)
        dense = 'head' not in cfg.model
        (_take_resnet if dense else _take_all)(cfg, theirs)
        chosen = {
            key: value
            for key, value in (args.cfg_options or {}).items()
            if key.startswith('model.backbone.')
        }
        cfg.merge_from_dict(chosen)
    _no_other_weights(cfg.model)
    backbone = MODELS.build(plain_backbone(cfg.model.backbone))
    backbone.eval()
    with torch.no_grad():
        features = backbone(torch.zeros(1, 3, 64, 64))
    if 'head' in cfg.model:
        cfg.model.head.in_channels = image_features(features).shape[1]
        wanted = backbone.state_dict()
    else:
        _fit_heads(cfg, [x.shape[1] for x in features])
        model = MODELS.build(deepcopy(cfg.model))  # some change their config
        names = backbone_names(model, 'backbone')
        state = model.state_dict()
        wanted = {name: state[long] for name, long in names.items()}
    try:
        find_backbone(checkpoint, wanted, args.prefix)
    except ValueError as error:
        if theirs:
            raise
        sys.exit(
            f'error: {error}\nThe file does not say what network it is, so '
            'that of the benchmark was tried; say it by --cfg-options, such '
            'as model.backbone.depth=18'
        )
    check_style(checkpoint, backbone)


def _no_other_weights(model: dict) -> None:
    """What upstream's configs would load before, or instead."""
    if 'pretrained' in model:
        model.pretrained = None
    shared_head = (model.get('roi_head') or {}).get('shared_head')
    for part in (model, model.backbone, shared_head):
        if part:
            part.pop('init_cfg', None)


def _name_the_network(theirs: dict, ours: dict) -> None:
    named = [f'{x.get("type")} {x.get("depth", "")}' for x in (theirs, ours)]
    if named[0] != named[1]:
        print(f'network of the checkpoint: {named[0]}, not {named[1]}')


def _take_all(cfg: Config, theirs: dict) -> None:
    ours = cfg.model.backbone
    kept = {key: ours[key] for key in KEPT if key in ours}
    theirs.pop('frozen_stages', None)
    cfg.model.backbone = {**theirs, **kept}


def _take_resnet(cfg: Config, theirs: dict) -> None:
    """Strides, stages and norms stay those of the detector or segmentor."""
    kinds = [
        getattr(kind, '__name__', str(kind)).rpartition('.')[2]
        for kind in (theirs['type'], cfg.model.backbone.type)
    ]
    if kinds[0] != kinds[1]:
        sys.exit(
            f'error: the checkpoint has a {kinds[0]}, but {cfg.filename} is '
            f'for a {kinds[1]}; give the config of a model with that backbone '
            'by --config'
        )
    if kinds[0] == 'ResNet':
        same = {key: theirs[key] for key in RESNET if key in theirs}
        style = theirs.get('style', 'pytorch')
        cfg.model.backbone.update(same, style=style)
        shared_head = (cfg.model.get('roi_head') or {}).get('shared_head')
        if shared_head:
            shared_head.style = style


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
        sys.exit(
            f'error: the heads of {cfg.filename} are for {rpn.in_channels} '
            f'channels, as ResNet-50 gives, not {channels[-1]}; use a config '
            'with FPN, which adapts'
        )


def check_labels(cfg: Config) -> None:
    """Stop at a split without images or labels, or of other classes."""
    for name in ('train_dataloader', 'test_dataloader'):
        where = f'{name}.dataset ({cfg[name].dataset.type})'
        dataset = _build(where, cfg[name].dataset)
        classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
        for head, count in _num_classes(cfg.model, 'model'):
            if classes and len(classes) != count:
                sys.exit(
                    f'error: {where} has {len(classes)} classes, but the '
                    f'model has {count}; set --cfg-options '
                    f'{head}={len(classes)}'
                )
        if 'head' in cfg.model:
            _check_image_labels(where, dataset, cfg.model.head)


def _build(where: str, config: dict) -> BaseDataset:
    try:
        dataset = DATASETS.build(config)
    except FileNotFoundError as error:
        if error.filename is None:  # mmdcl's own, which says more
            raise
        sys.exit(
            f'error: {where}: no {error.filename}; set the folder of the data '
            'by --data-root PATH'
        )
    except AssertionError as error:  # so upstream counts folders of classes
        sys.exit(f'error: {where}: {error}')
    except ValueError as error:
        if 'at least one array' in str(error):  # mmengine packs nothing
            classes = (config.get('metainfo') or {}).get('classes')
            of = f', or none with an object of {classes}' if classes else ''
            sys.exit(f'error: {where} is empty: it has no image{of}')
        raise
    first = (
        dataset[0]
        if not hasattr(dataset, 'get_data_info')
        else (dataset.get_data_info(0))
    )
    path = first.get('img_path')
    if path and '://' not in path and not Path(path).is_file():
        sys.exit(
            f'error: {where}: no image {path}; set the folder of the data by '
            '--data-root PATH'
        )
    return dataset


HEADS = ('head', 'roi_head', 'bbox_head', 'mask_head', 'decode_head')
HEADS += ('auxiliary_head',)


def _num_classes(config: Any, path: str) -> Iterator[tuple[str, int]]:
    """Where a model says how many classes it has."""
    if isinstance(config, (list, tuple)):
        for i, value in enumerate(config):
            yield from _num_classes(value, f'{path}.{i}')
    elif isinstance(config, dict):
        if config.get('num_classes'):
            yield f'{path}.num_classes', config['num_classes']
        for name in HEADS:
            yield from _num_classes(config.get(name), f'{path}.{name}')


def _check_image_labels(where: str, dataset: BaseDataset, head: dict) -> None:
    wanted = head.get('num_classes')
    labels = [
        dataset.get_data_info(i).get('gt_label') for i in range(len(dataset))
    ]
    if any(label is None for label in labels):
        sys.exit(
            f'error: {where} has images without labels; this protocol needs '
            'them (`with_label=True`, or an `ann_file` with labels)'
        )
    if not wanted:
        return
    if len(set(labels)) < wanted:
        print(
            f'beware: {where} has images of {len(set(labels))} of {wanted} '
            'classes only (`indices` takes the first images)'
        )
    if max(labels) >= wanted:
        sys.exit(
            f'error: {where} has label {max(labels)}, but the classifier has '
            f'{wanted} classes; set --cfg-options '
            f'model.head.num_classes={max(labels) + 1}'
        )
