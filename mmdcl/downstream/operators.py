"""Detection without compiled operators of mmcv: what stands in for them.

No registry carries a compiled mmcv, and without ``mmcv._ext`` detectors cannot
even be imported. :func:`stand_in` puts a stand-in there, unless there is a
real one: ``tools/build_mmcv.sh`` builds it. What was imported before, and went
on without operators, is given them. Configs, which can import but not call,
name ``mmdcl.downstream.with_operators`` in their ``custom_imports``.
"""

import ast
import importlib
import sys
import warnings
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from .not_compiled import BUILD, not_compiled
from .python_operators import (
    ms_deform_attn_backward,
    ms_deform_attn_forward,
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
)
from .torchvision_operators import (
    nms,
    roi_align_backward,
    roi_align_forward,
    roi_pool_backward,
    roi_pool_forward,
)

_NAME = 'mmcv._ext'


def get_compiler_version() -> str:
    """For ``mmcv.utils.collect_env``."""
    return 'n/a'


def get_compiling_cuda_version() -> str:
    """For ``mmcv.utils.collect_env``."""
    return 'n/a'


class StandIn(ModuleType):
    """The module ``mmcv._ext``; operators that it lacks fail when called."""

    def __init__(self) -> None:
        super().__init__(_NAME, __doc__)
        self.__spec__ = ModuleSpec(_NAME, None)
        for operator in (
            nms,
            roi_align_forward,
            roi_align_backward,
            roi_pool_forward,
            roi_pool_backward,
            ms_deform_attn_forward,
            ms_deform_attn_backward,
            sigmoid_focal_loss_forward,
            sigmoid_focal_loss_backward,
            get_compiler_version,
            get_compiling_cuda_version,
        ):
            setattr(self, operator.__name__, operator)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('_'):
            raise AttributeError(name)

        def missing(*args: Any, **kwargs: Any) -> None:
            raise not_compiled(f'the operator {name}')

        return missing


def _tried(source: str) -> Iterator[tuple[str, str, str]]:
    """Module, name and own name of operators imported in a ``try``."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of how others write strings
        blocks = ast.parse(source).body
    for block in blocks:
        if isinstance(block, ast.Try):
            for line in block.body:
                if isinstance(line, ast.ImportFrom) and not line.level:
                    module = line.module or ''
                    if module.startswith('mmcv.'):
                        for name in line.names:
                            own = name.asname or name.name
                            yield module, name.name, own


def catch_up() -> list[str]:
    """Give operators to modules that were imported when there were none.

    Upstream's modules go on without them, with functions in their place that
    fail when called, and hand these to each other by ``import``.

    Returns:
        Names of the modules that were changed.
    """
    changed: list[str] = []
    instead: dict[int, tuple[Any, Any]] = {}
    modules = {
        name: module
        for name, module in list(sys.modules.items())
        if name.startswith('mm') and not name.startswith('mmcv.ops')
    }
    for name, module in modules.items():
        file = Path(getattr(module, '__file__', None) or '')
        if file.suffix != '.py' or not file.is_file():
            continue
        text = file.read_text(encoding='utf-8', errors='replace')
        if 'from mmcv.' not in text:
            continue
        for source, operator, own in _tried(text):
            real = getattr(importlib.import_module(source), operator, None)
            fallback = module.__dict__.get(own)
            if real is not None and fallback is not real:
                if fallback is not None:
                    instead[id(fallback)] = (fallback, real)
                setattr(module, own, real)
                changed.append(name)
    for name, module in modules.items():
        for own, value in list(module.__dict__.items()):
            if id(value) in instead:
                setattr(module, own, instead[id(value)][1])
                changed.append(name)
    return [*dict.fromkeys(changed), *_extra_norm()]


def _extra_norm() -> list[str]:
    """The head of C4, which mmpretrain leaves out where mmdet fails."""
    name = 'mmpretrain.models.utils.res_layer_extra_norm'
    module = sys.modules.get(name)
    if module is None or getattr(module, 'ResLayerExtraNorm', 1) is not None:
        return []
    importlib.reload(module)
    above = sys.modules.get(name.rpartition('.')[0])
    if above is not None:
        above.ResLayerExtraNorm = module.ResLayerExtraNorm
    return [name]


def stand_in() -> bool:
    """Put the stand-in into place; whether it is there.

    It does not matter what was imported before.

    Raises:
        ModuleNotFoundError: There is no mmcv at all.
    """
    if find_spec(_NAME) is None:
        sys.modules[_NAME] = StandIn()
        warnings.warn(
            "mmcv has no compiled operators; torchvision's nms, roi_align and "
            f'roi_pool stand in for them. For all of them, {BUILD}',
            stacklevel=2,
        )
        catch_up()
    return stands_in()


def stands_in() -> bool:
    """Whether the stand-in is what mmcv calls."""
    return isinstance(sys.modules.get(_NAME), StandIn)
