"""Checkpoints of untrained networks, as mmengine writes them."""

from copy import deepcopy
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from tests.runs import PLAIN, SIMCLR, VIEWS, loader


def checkpoint(folder: Path, model: dict = SIMCLR, **config) -> Path:
    """A model on digits, its weights random; `config` wins."""
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    built = MODELS.build(deepcopy(model))
    for name, tensor in built.state_dict().items():
        if name.endswith('running_var'):  # as little as small weights give
            tensor.fill_(0.01)
    cfg = dict(
        default_scope='mmpretrain',
        model=model,
        train_dataloader=loader('train', VIEWS),
        val_dataloader=loader('test', PLAIN),
    )
    cfg = {k: x for k, x in (cfg | config).items() if x is not None}
    folder.mkdir(parents=True, exist_ok=True)
    meta = dict(cfg=Config(cfg).pretty_text, iter=1, epoch=1)
    path = folder / 'epoch_1.pth'
    torch.save(dict(state_dict=built.state_dict(), meta=meta), path)
    return path
