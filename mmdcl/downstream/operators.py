"""Detection without compiled operators of mmcv, by torchvision's.

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

import torch
import torchvision  # noqa: F401 - registers torch.ops.torchvision
from torch import Tensor

from ..errors import UserNotImplementedError
from .python_operators import (
    ms_deform_attn_backward,
    ms_deform_attn_forward,
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
)

_NAME = 'mmcv._ext'
BUILD = 'build mmcv with its operators, by tools/build_mmcv.sh of mmdcl'


def nms(
    boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int
) -> Tensor:
    """Kept boxes, highest score first.

    Args:
        boxes: ``(N, 4)`` x1, y1, x2, y2 in pixels.
        scores: ``(N,)``.
        iou_threshold: Boxes that overlap a better one by more are dropped.
        offset: Added to each width and height: 1 where x2 is in the box.
    """
    boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    scores = scores.to(boxes.dtype)
    return torch.ops.torchvision.nms(boxes, scores, iou_threshold)


def roi_align_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Average of features in the cells of each box, into ``output``.

    Args:
        features: ``(B, C, H, W)``.
        rois: ``(N, 5)`` image, x1, y1, x2, y2.
        output: ``(N, C, aligned_height, aligned_width)``.
        argmax_y: Not used.
        argmax_x: Not used.
        aligned_height: Cells.
        aligned_width: Cells.
        spatial_scale: Of boxes to features.
        sampling_ratio: Samples of a cell in each direction, 0: adaptive.
        pool_mode: 1, average.
        aligned: Whether pixels have their centre at one half.

    Raises:
        NotImplementedError: ``pool_mode`` is 0, maximum.
    """
    if pool_mode != 1:
        raise UserNotImplementedError(
            f"RoIAlign(pool_mode='max') needs a compiled mmcv; {BUILD}"
        )
    output.copy_(
        torch.ops.torchvision.roi_align(
            features,
            rois,
            spatial_scale,
            aligned_height,
            aligned_width,
            sampling_ratio,
            aligned,
        )
    )


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Gradient of :func:`roi_align_forward`, into ``grad_input``."""
    grad_input.copy_(
        torch.ops.torchvision._roi_align_backward(
            grad_output,
            rois.to(grad_output.dtype),
            spatial_scale,
            aligned_height,
            aligned_width,
            *grad_input.shape,
            sampling_ratio,
            aligned,
        )
    )


def roi_pool_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    *,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Maximum of features in the cells of each box, into ``output``.

    torchvision rounds boxes to whole features, and mmcv, which has this
    operator on GPUs only, does not: results agree where boxes are whole.
    """
    warnings.warn(
        "torchvision's roi_pool stands in for mmcv's, and rounds boxes, which "
        f"mmcv's does not: accuracies will differ. RoIAlign is exact; or "
        f'{BUILD}',
        stacklevel=2,
    )
    pooled, where = torch.ops.torchvision.roi_pool(
        features, rois, spatial_scale, pooled_height, pooled_width
    )
    output.copy_(pooled)
    argmax.copy_(where)


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    *,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Gradient of :func:`roi_pool_forward`, into ``grad_input``."""
    grad_input.copy_(
        torch.ops.torchvision._roi_pool_backward(
            grad_output,
            rois,
            argmax,
            spatial_scale,
            pooled_height,
            pooled_width,
            *grad_input.shape,
        )
    )


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
            raise UserNotImplementedError(
                f'the operator {name} needs a compiled mmcv; {BUILD}'
            )

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
