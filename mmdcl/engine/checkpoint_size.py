"""How large a checkpoint becomes, and what keeps it from growing."""

from collections.abc import Iterable

import torch

from .model import model_of
from .schedule import optimizers


def checkpoint_bytes(runner, with_optimizer: bool = True) -> int:
    """Bytes of a checkpoint: weights, buffers, EMA copy, optimizer.

    The state of an optimizer that has not stepped yet is told from its
    settings: one tensor for each parameter for momentum, two for betas.
    """
    model = model_of(runner)
    models = [model]
    models += [
        hook.ema_model for hook in runner.hooks if hasattr(hook, 'ema_model')
    ]
    total = sum(_bytes(model.state_dict().values()) for model in models)
    if not with_optimizer:
        return total
    for _, wrapper, _ in optimizers(runner):
        optimizer = wrapper.optimizer
        state = [x for s in optimizer.state.values() for x in s.values()]
        if state:
            total += _bytes(state)
            continue
        for group in optimizer.param_groups:
            copies = 2 if 'betas' in group else bool(group.get('momentum'))
            total += copies * _bytes(
                x for x in group['params'] if x.requires_grad
            )
    return total


def _bytes(tensors: Iterable) -> int:
    return sum(
        x.numel() * x.element_size()
        for x in tensors
        if isinstance(x, torch.Tensor)
    )


def log_window(runner, name: str) -> int | None:
    """How many values of a logged quantity the log processor looks at.

    Args:
        runner: The runner.
        name: In the message hub: ``train/loss``.

    Returns:
        Their number, or None: all of them.
    """
    processor = runner.log_processor
    mode, _, quantity = name.partition('/')
    windows = [processor.window_size]
    if quantity in ('time', 'data_time') and mode == 'val':
        windows.append('epoch')  # as get_log_after_epoch does
    windows += [
        setting.get('window_size', 1 if _takes_one(setting) else 'global')
        for setting in processor.custom_cfg
        if setting['data_src'] in (quantity, name)
    ]
    loop = runner.val_loop if mode == 'val' else runner.train_loop
    epoch = len(loop.dataloader) + 1 if 'epoch' in windows and loop else 1
    if 'global' in windows or None in windows:
        return None
    return max(epoch if x == 'epoch' else x for x in windows)


def _takes_one(setting: dict) -> bool:
    return setting.get('method_name') == 'current'
