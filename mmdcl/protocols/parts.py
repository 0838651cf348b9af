"""The stages or blocks of a backbone, and one vector an image of each."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..engine.features import image_features
from ..errors import UserValueError

_NUMBERED = re.compile(r'(layer|stages?|blocks?)_?\d+')
_LISTED = ('stages', 'blocks', 'layers')


def parts_of(backbone: nn.Module) -> dict[str, nn.Module]:
    """Stages of a backbone, or blocks of a transformer, in their order.

    They are found by the names that mmpretrain and timm give: ``layer1`` and
    so on as attributes, or the entries of ``stages``, ``blocks`` or
    ``layers``.

    Raises:
        ValueError: It has none that are known.
    """
    inner = getattr(backbone, 'timm_model', backbone)
    numbered = {
        name: part
        for name, part in inner.named_children()
        if _NUMBERED.fullmatch(name)
    }
    if len(numbered) > 1:
        return numbered
    for name in _LISTED:
        parts = getattr(inner, name, None)
        if isinstance(parts, (nn.ModuleList, nn.Sequential)) and len(parts):
            return {f'{name}.{i}': part for i, part in enumerate(parts)}
    raise UserValueError(
        f'{type(inner).__name__} has no layers that are known: neither '
        f'`layer1`, `layer2` ... nor {", ".join(f"`{x}`" for x in _LISTED)}'
    )


def chosen_parts(
    backbone: nn.Module, names: Sequence[str] | None = None
) -> dict[str, nn.Module]:
    """Those of the names, or all of them.

    Raises:
        ValueError: There is no such; the message has those that there are.
    """
    there = parts_of(backbone)
    for name in names or ():
        if name not in there:
            raise UserValueError(
                f'{type(backbone).__name__} has no layer {name}; there are '
                f'{", ".join(there)}'
            )
    return {x: there[x] for x in names} if names else there


def one_vector(output: Any, backbone: nn.Module) -> Tensor:
    """What a stage or block gives, as one vector an image.

    Maps are averaged over positions. Of tokens it is the class token, if that
    is what the backbone gives in the end (``out_type='cls_token'``, timm's
    ``global_pool='token'``), or else the average of those of patches.

    Args:
        output: A tensor, or a tuple of which the first counts.
        backbone: That it is of.

    Returns:
        ``(B, D)`` in float32.
    """
    while isinstance(output, (tuple, list)) and output:
        output = output[0]
    inner = getattr(backbone, 'timm_model', backbone)
    if isinstance(output, Tensor) and output.ndim == 3:
        ends = getattr(backbone, 'out_type', getattr(inner, 'global_pool', ''))
        if ends in ('cls_token', 'token'):
            return output[:, 0].float()
        extra = getattr(inner, 'num_extra_tokens', 0)
        extra = getattr(inner, 'num_prefix_tokens', extra)
        output = output[:, extra:]
    elif str(getattr(inner, 'output_fmt', '')).endswith('NHWC'):
        output = output.permute(0, 3, 1, 2)
    return image_features(output)


@contextmanager
def listening(
    backbone: nn.Module, parts: dict[str, nn.Module]
) -> Iterator[dict[str, Tensor]]:
    """Meanwhile each forward pass leaves ``(B, D)`` of each part."""
    heard: dict[str, Tensor] = {}

    def hear(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            with torch.no_grad():
                heard[name] = one_vector(output, backbone)

        return hook

    hooks = [
        part.register_forward_hook(hear(name)) for name, part in parts.items()
    ]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()
