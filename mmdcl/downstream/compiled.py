"""Stop before training where a model will call an operator that is missing.

Without compiled operators (:mod:`mmdcl.downstream.operators`) a layer fails at
the first step, and what is used in tests alone fails after all of training.
"""

import sys
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from torch import nn

from ..errors import UserNotImplementedError
from .not_compiled import BUILD
from .operators import StandIn, stands_in

# Modules of mmcv whose operators the stand-in has, or which need none.
_COVERED = ('nms', 'roi_align', 'roi_pool', 'focal_loss')
_COVERED += ('multi_scale_deform_attn',)


def check_operators(
    cfg: Config, module: nn.Module, where: str = 'model'
) -> None:
    """Stop at layers and kinds of NMS that need a compiled mmcv.

    Args:
        cfg: Of the detector or segmentor.
        module: As built of it.
        where: Its place in ``cfg``.

    Raises:
        NotImplementedError: There is such a one, and mmcv is not compiled.
    """
    if not stands_in():
        return
    found = dict(_layers(module, where))
    found |= dict(_suppressions(cfg.model, 'model'))
    if found:
        named = [f'{kind} ({place})' for kind, place in found.items()]
        raise UserNotImplementedError(
            f'{cfg.filename} has {", ".join(named)}, which needs operators, '
            f'and this mmcv has none compiled; {BUILD}, or give a config '
            'without'
        )


def _layers(module: nn.Module, where: str) -> Iterator[tuple[str, str]]:
    for name, layer in module.named_modules():
        for kind in type(layer).__mro__:
            package, _, own = kind.__module__.rpartition('.')
            if package != 'mmcv.ops':
                continue
            called = getattr(sys.modules[kind.__module__], 'ext_module', None)
            maximum = getattr(layer, 'pool_mode', 'avg') != 'avg'
            if isinstance(called, StandIn) and (
                own not in _COVERED or maximum
            ):
                yield kind.__name__, f'{where}.{name}'
                break


def _suppressions(part: Any, where: str) -> Iterator[tuple[str, str]]:
    """Kinds of NMS other than the plain one, at any depth."""
    if isinstance(part, (list, tuple)):
        for i, inner in enumerate(part):
            yield from _suppressions(inner, f'{where}.{i}')
    if not isinstance(part, dict):
        return
    for key, inner in part.items():
        kind = inner.get('type') if isinstance(inner, dict) else None
        if key == 'nms' and kind not in (None, 'nms'):
            yield kind, f'{where}.nms'
        yield from _suppressions(inner, f'{where}.{key}')
