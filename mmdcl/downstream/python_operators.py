"""Operators that upstream itself has in Python, but on a CPU only.

On a GPU it calls those of ``mmcv._ext``, where the stand-in gives the same
functions: slower than compiled ones, and with their values and gradients.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .not_compiled import not_compiled


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Multi-scale deformable attention, as mmcv has it in PyTorch.

    ``N`` images, ``H`` heads of width ``D``, ``K`` values of all ``L`` maps,
    ``Q`` queries, ``P`` points of a query in each map.

    Args:
        value: ``(N, K, H, D)``.
        value_spatial_shapes: ``(L, 2)`` height and width of each map.
        value_level_start_index: Not used.
        sampling_locations: ``(N, Q, H, L, P, 2)`` x, y in [0, 1].
        attention_weights: ``(N, Q, H, L, P)``.
        im2col_step: Not used.

    Returns:
        ``(N, Q, H * D)``.
    """
    from mmcv.ops.multi_scale_deform_attn import (
        multi_scale_deformable_attn_pytorch,
    )

    return multi_scale_deformable_attn_pytorch(
        value, value_spatial_shapes, sampling_locations, attention_weights
    )


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Gradients of :func:`ms_deform_attn_forward`, into the last three."""
    inputs = [value, sampling_locations, attention_weights]
    with torch.enable_grad():
        inputs = [x.detach().requires_grad_() for x in inputs]
        output = ms_deform_attn_forward(
            inputs[0],
            value_spatial_shapes,
            value_level_start_index,
            *inputs[1:],
            im2col_step,
        )
    found = torch.autograd.grad(output, inputs, grad_output)
    into = grad_value, grad_sampling_loc, grad_attn_weight
    for target, gradient in zip(into, found, strict=True):
        target.copy_(gradient)


def _focal_loss(
    logits: Tensor, target: Tensor, weight: Tensor, gamma: float, alpha: float
) -> Tensor:
    if weight.numel():
        raise not_compiled('sigmoid_focal_loss with a weight of each class')
    classes = torch.arange(logits.shape[1], device=logits.device)
    is_class = (target[:, None] == classes).to(logits.dtype)
    right = is_class * logits.sigmoid() + (1 - is_class) * (-logits).sigmoid()
    balance = is_class * alpha + (1 - is_class) * (1 - alpha)
    entropy = F.binary_cross_entropy_with_logits(
        logits, is_class, reduction='none'
    )
    return balance * (1 - right) ** gamma * entropy


def sigmoid_focal_loss_forward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    output: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Focal loss of each logit, into ``output``.

    Args:
        input: ``(N, C)`` logits.
        target: ``(N,)`` classes; ``C`` is the background.
        weight: Empty.
        output: ``(N, C)``.
        gamma: How much less what is right already counts.
        alpha: Of objects; ``1 - alpha`` of what is none.

    Raises:
        NotImplementedError: There are weights of classes.
    """
    output.copy_(_focal_loss(input, target, weight, gamma, alpha))


def sigmoid_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Derivative of each loss by its logit, into ``grad_input``."""
    with torch.enable_grad():
        logits = input.detach().requires_grad_()
        loss: Any = _focal_loss(logits, target, weight, gamma, alpha).sum()
    grad_input.copy_(torch.autograd.grad(loss, logits)[0])
