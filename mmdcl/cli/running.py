"""A runner of a config, on the machine that is there."""

import sys
from datetime import timedelta

import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from ..errors import UserValueError
from ..sync_bn import without_sync_bn
from .terminal.quiet import active
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
    cfg.model = without_sync_bn(cfg.model)


def _complete(cfg: Config) -> None:
    """Refuse a part of a loop, which `--cfg-options` may have begun."""
    for kind in ('val', 'test'):
        keys = [f'{kind}_{x}' for x in ('dataloader', 'cfg', 'evaluator')]
        lacking = [key for key in keys if cfg.get(key) is None]
        given = [key for key in keys if key not in lacking]
        if given and lacking:
            raise UserValueError(
                f'{" and ".join(given)} is set, {" and ".join(lacking)} not: '
                f'without all three there is no {kind} loop; set all, or '
                'none of them'
            )


def build_runner(cfg: Config) -> Runner:
    """A runner of whatever type the config asks for.

    Raises:
        UserValueError: It has a part of a loop to validate or test.
    """
    _complete(cfg)
    quiet = active()
    kind = Runner
    if quiet is not None:
        # Slow to import, and not needed before.
        from .terminal.console import ConsoleHook, QuietRunner

        kind = QuietRunner
    with own_log_folder(cfg):
        if 'runner_type' in cfg:
            runner = RUNNERS.build(cfg)
        else:
            runner = kind.from_cfg(cfg)
    if quiet is not None:
        quiet.take_over(runner)
        quiet.give_file(runner)
        runner.register_hook(ConsoleHook(quiet))
    return runner
