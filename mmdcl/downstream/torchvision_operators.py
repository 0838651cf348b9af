"""Operators of ``mmcv._ext`` that torchvision has as well."""

import warnings

import torch
import torchvision  # noqa: F401 - registers torch.ops.torchvision
from torch import Tensor

from .not_compiled import BUILD, not_compiled


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
        raise not_compiled("RoIAlign(pool_mode='max')")
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
