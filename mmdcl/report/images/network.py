"""The network of a checkpoint, and what it makes of images."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmpretrain.models.necks import SwAVNeck
from mmpretrain.models.selfsup.base import BaseSelfSupervisor
from torch import Tensor, nn

from ...checkpoints import (
    differences,
    load_backbone,
    newest_good,
    read_checkpoint,
)
from ...checkpoints.architecture import pretraining_config
from ...checkpoints.channels import trained_order
from ...checkpoints.layouts import main_tensors
from ...engine.features import image_features
from ...errors import UserFileNotFoundError, UserValueError
from ...hub.addresses import is_address, title
from ...hub.download import local_file
from ..runs.digest import sha256
from .model import build_model

_INPUTS = ('mean', 'std', 'to_rgb')  # of a preprocessor of any type


@dataclass(frozen=True)
class Network:
    """A checkpoint's model, on the device that is there, in eval mode.

    Attributes:
        path: Of the checkpoint.
        sha256: Of the file.
        name: Of the run: its folder's, or the repository's on a hub.
        config: Of the run, or that which was given instead.
        trusted: Whether what the config names may be built whatever it is.
        model: With all weights of its backbone, and of its neck if
            ``projects``.
        projects: There is a neck after the backbone, and its weights are in
            the checkpoint.
    """

    path: Path
    sha256: str
    name: str
    config: Config = field(repr=False)
    trusted: bool
    model: nn.Module = field(repr=False)
    projects: bool

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @torch.no_grad()
    def features(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Of a batch, as its pipeline gives it.

        Args:
            images: ``(B, C, H, W)``.

        Returns:
            ``(B, D)`` of the backbone, pooled, and ``(B, P)`` of the neck if
            it projects to vectors; both in float32 on the CPU.
        """
        batch = dict(inputs=images, data_samples=None)
        inputs = self.model.data_preprocessor(batch, False)['inputs']
        outputs = self.model.extract_feat(inputs)
        features = image_features(outputs).cpu()
        if not self.projects:
            return features, None
        several = isinstance(self.model.neck, SwAVNeck)  # a list of views
        found = self.model.neck([outputs] if several else outputs)
        vectors = found[0] if isinstance(found, (tuple, list)) else found
        if not isinstance(vectors, Tensor) or vectors.ndim != 2:  # maps
            return features, None
        return features, vectors.float().cpu()


def find_checkpoint(path: str | Path, trust: bool = False) -> Path:
    """The file itself, or the newest good one of a work_dir.

    Raises:
        UserFileNotFoundError: There is none.
    """
    if is_address(path):
        return local_file(path).path
    if '://' in str(path) or not Path(path).is_dir():
        return Path(path) if '://' not in str(path) else path  # refused later
    found, passed = newest_good(path, trust)
    if found is None:
        why = f' ({"; ".join(passed)})' if passed else ''
        raise UserFileNotFoundError(
            f'{path} holds no checkpoint that can be read{why}; give the '
            'work_dir of a training that has saved one, or the file'
        )
    return found


def open_network(
    checkpoint: str | Path,
    config: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> Network:
    """Build the network of a checkpoint and load its weights, all or none.

    Args:
        checkpoint: File, ``hf://`` or ``mmdcl://`` address, or a work_dir:
            its newest good one.
        config: File of the config to use; default: the one in the
            checkpoint.
        options: Values that the config gets instead, by their keys.
        trust: Read and build whatever the checkpoint holds.

    Raises:
        UserValueError: It does not say what network it is, names one that is
            not built for strangers, or has not all of its weights.
        UserFileNotFoundError: There is no checkpoint.
    """
    path = find_checkpoint(checkpoint, trust)
    hub = is_address(checkpoint)
    content = read_checkpoint(checkpoint if hub else path, trust)
    cfg = _config(checkpoint if hub else path, content, config, trust)
    cfg.merge_from_dict(dict(options or {}))
    trusted = trust or config is not None
    model = build_model(cfg, trusted)
    if not isinstance(getattr(model, 'backbone', None), nn.Module):
        raise UserValueError(
            f'{type(model).__name__} has no `backbone`, and pictures need '
            'its features'
        )
    load_backbone(model, content, backbone='backbone')
    projects = _load_neck(model, content)
    model.eval().to('cuda' if torch.cuda.is_available() else 'cpu')
    return Network(
        path=path,
        sha256=sha256(path),
        name=title(checkpoint) if hub else path.resolve().parent.name,
        config=cfg,
        trusted=trusted,
        model=model,
        projects=projects,
    )


def _config(
    path: str | Path,
    content: Mapping,
    config: str | Path | None,
    trust: bool,
) -> Config:
    if config is not None:
        return Config.fromfile(config)
    data = pretraining_config(content)
    model = data.get('model')
    if not model:
        raise UserValueError(
            f'{path} does not say what network it is; give its config by '
            '--config'
        )
    if 'type' not in model:
        return _of_export(model, trained_order(data))
    if trust:
        return Config.fromstring(content['meta']['cfg'], '.py')
    try:
        return Config(data)
    except KeyError as error:
        raise UserValueError(
            f'the config in {path} cannot be used ({error}); give it by '
            '--config'
        ) from error


def _of_export(model: Mapping[str, Any], order: str | None) -> Config:
    """A backbone alone, for images from files, which are BGR."""
    then = model.get('data_preprocessor') or {}
    inputs = {key: then[key] for key in _INPUTS if key in then}
    if order is not None:
        inputs['to_rgb'] = order == 'rgb'
    network = {'type': 'ImageClassifier', 'backbone': model.get('backbone')}
    return Config({'model': {**network, 'data_preprocessor': inputs}})


def _load_neck(model: nn.Module, content: Mapping[str, Any]) -> bool:
    """Its weights, if it is no decoder and they are there."""
    neck = getattr(model, 'neck', None)
    if not isinstance(model, BaseSelfSupervisor) or neck is None:
        return False
    wanted = neck.state_dict()
    theirs = {
        name.removeprefix('neck.'): tensor
        for name, tensor in main_tensors(content).items()
        if name.startswith('neck.')
    }
    if not wanted or not theirs or not _takes_features_alone(neck):
        return False
    if wrong := differences(theirs, wanted):
        raise UserValueError(
            f'not all of the {len(wanted)} tensors of the neck come from the '
            f'checkpoint, so it is of another config.{wrong}'
        )
    neck.load_state_dict(theirs, strict=False)
    return True


def _takes_features_alone(neck: nn.Module) -> bool:
    """Decoders of masked images take more, and give images."""
    if 'Decoder' in type(neck).__name__:
        return False
    needed = [
        x
        for x in inspect.signature(neck.forward).parameters.values()
        if x.default is x.empty and x.kind is x.POSITIONAL_OR_KEYWORD
    ]
    return len(needed) == 1
