"""That a benchmark starts from the weights that its record names."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from torch import Tensor

from ..checkpoints import backbone_names
from ..config_parts import short_name
from ..engine.model import model_of
from ..errors import UserValueError

_HOOK = 'PretrainedBackboneHook'
_SOURCES = ('pretrained', 'checkpoint_path')
_LOADED = ('Pretrained', 'PretrainedInit')


def _take_out(part: Any, where: str) -> Iterator[str]:
    """Remove what loads weights; yields where it was."""
    if isinstance(part, (list, tuple)):
        for i, inner in enumerate(part):
            yield from _take_out(inner, f'{where}.{i}')
    if not isinstance(part, dict):
        return
    for key, value in list(part.items()):
        name = f'{where}.{key}'
        if key in _SOURCES and (isinstance(value, str) or value is True):
            part[key] = False if value is True else None
            yield name
        elif key == 'init_cfg':
            several = value if isinstance(value, (list, tuple)) else [value]
            kept = [
                init
                for init in several
                if short_name((init or {}).get('type')) not in _LOADED
            ]
            if len(kept) < len(several):
                part[key] = kept or None
                yield name
        else:
            yield from _take_out(value, name)


def no_other_weights(cfg: Config) -> list[str]:
    """Remove from a config whatever loads weights into its model.

    These are ``load_from``, ``resume``, ``pretrained=``, ``init_cfg`` of type
    ``Pretrained`` at any depth, and :class:`PretrainedBackboneHook`.

    Args:
        cfg: Changed in place.

    Returns:
        Where something was.
    """
    removed = [key for key in ('load_from', 'resume') if cfg.get(key)]
    cfg.load_from, cfg.resume = None, False
    removed += _take_out(cfg.model, 'model')
    kept = []
    for hook in cfg.get('custom_hooks') or []:
        if isinstance(hook, dict) and short_name(hook.get('type')) == _HOOK:
            removed.append(f'custom_hooks ({_HOOK})')
        else:
            kept.append(hook)
    cfg.custom_hooks = kept
    return removed


def _fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Of names and values."""
    digest = sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f'{name} {value.dtype} {tuple(value.shape)}'.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


class WeightsCheck(Hook):
    """Before anything else, compare the backbone with the checkpoint.

    What the evaluation began with goes into its own checkpoints, and one that
    is resumed must have begun with the same.

    Args:
        tensors: Of the checkpoint, by the names of the backbone.
        random: Whether none of its weights must be there, or all of it.
        seed: Of the evaluation.

    Raises:
        ValueError: It is not so.
    """

    priority = 'LOWEST'

    def __init__(
        self, tensors: Mapping[str, Tensor], random: bool, seed: int = 0
    ) -> None:
        self.tensors = tensors
        self.random = random
        weights = 'random' if random else _fingerprint(tensors)
        self.begun = dict(weights=weights, seed=seed)
        self.checked = False

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['meta']['evaluation'] = self.begun

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if not runner._resume:
            return
        then = checkpoint['meta'].get('evaluation')
        if then != self.begun:
            then = then if isinstance(then, dict) else {}
            differ = [k for k, x in self.begun.items() if then.get(k) != x]
            raise UserValueError(
                f'{runner._load_from} is of another evaluation: it did not '
                f'begin with the same {" and ".join(differ)}. Choose the '
                "other's --work-dir, or leave out --resume"
            )
        self.checked = True  # trained since then

    def before_train(self, runner) -> None:
        self._check(runner)

    def before_test(self, runner) -> None:
        self._check(runner)

    def _check(self, runner) -> None:
        if self.checked:
            return
        self.checked = True
        model = model_of(runner)
        state = model.state_dict()
        names = backbone_names(model, 'backbone')
        same = {
            name: bool((state[names[name]].cpu() == tensor).all())
            for name, tensor in self.tensors.items()
            # What two random networks have in common is left out.
            if not self.random
            or (
                tensor.ndim > 1
                and tensor.is_floating_point()
                and tensor.min() != tensor.max()
            )
        }
        wrong = [name for name, is_same in same.items() if is_same]
        if not self.random:
            wrong = [name for name in same if name not in wrong]
        if wrong:
            raise UserValueError(
                f'{len(wrong)} of the {len(same)} tensors of the backbone are '
                + (
                    'those of the checkpoint in spite of --random-init'
                    if self.random
                    else 'not those of the checkpoint'
                )
                + f', such as {wrong[0]}: something in the config loads '
                'weights. Look at its custom_hooks'
            )
