"""A runner of a config, on the machine that is there."""

import sys
from datetime import timedelta

import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from .work_dir import own_log_folder


def distribute_on_cpu(cfg: Config) -> None:
    """Several processes without a GPU: gloo, and no SyncBN.

    Args:
        cfg: Changed in place.
    """
    if cfg.launcher != 'pytorch':
        sys.exit(
            f'error: --launcher {cfg.launcher} needs GPUs; on CPUs use --gpus'
        )
    given = (cfg.get('env_cfg') or {}).get('dist_cfg') or {}
    seconds = given.get('timeout')
    torch.distributed.init_process_group(
        'gloo', timeout=seconds and timedelta(seconds=seconds)
    )
    wrapper = cfg.get('model_wrapper_cfg') or dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )
    cfg.model_wrapper_cfg = {**wrapper, 'device_ids': None}
    _without_sync_bn(cfg.model)


def _without_sync_bn(model) -> None:
    """SyncBN, which needs GPUs, as BN."""
    for part in model.values() if isinstance(model, dict) else model:
        if isinstance(part, (dict, list, tuple)):
            _without_sync_bn(part)
    if isinstance(model, dict) and model.get('type') == 'SyncBN':
        model['type'] = 'BN'


def build_runner(cfg: Config) -> Runner:
    """A runner of whatever type the config asks for."""
    with own_log_folder(cfg):
        if 'runner_type' in cfg:
            return RUNNERS.build(cfg)
        return Runner.from_cfg(cfg)
