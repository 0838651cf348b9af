"""Mixed precision by bfloat16, also on CPUs that compute with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from ..arguments import require_whole
from ..registry import OPTIM_WRAPPERS


def computes_bfloat16(device: str) -> bool:
    """Whether the hardware does; to imitate it would be slower."""
    if device == 'cuda':  # is_bf16_supported counts imitations, too
        capability, _ = torch.cuda.get_device_capability()
        return torch.version.hip is not None or capability >= 8
    if device == 'cpu':
        cpu = Path('/proc/cpuinfo')  # avx512_bf16, amx_bf16, bf16
        return cpu.is_file() and 'bf16' in cpu.read_text()
    return True


class _FloatOnTinyMaps(nn.Conv2d):
    """In float32 where a map is smaller than the stride.

    Of such maps torch on CPUs (oneDNN; 2.15) leaves the weight's gradient in
    bfloat16 uninitialised where only padding is: small crops have them.
    """

    def forward(self, x: Tensor) -> Tensor:
        sides = zip(x.shape[-2:], self.stride, strict=True)
        if all(side >= step for side, step in sides):
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.to(self.weight.dtype))


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """``OptimWrapper`` whose forward passes run under bfloat16 autocast.

    Weights, gradients and losses of mmdcl stay in float32. As bfloat16 has
    float32's range no loss is scaled, so that, unlike ``AmpOptimWrapper``, it
    has no state and no steps that are skipped, and works on CPUs. Where the
    hardware has no bfloat16, training is in float32 and the log says so.

    Args:
        **kwargs: As in upstream's: ``optimizer``, ``accumulative_counts``,
            ``clip_grad``.
    """

    def __init__(self, **kwargs) -> None:
        require_whole(
            'accumulative_counts', kwargs.get('accumulative_counts', 1)
        )
        super().__init__(**kwargs)
        self._device = get_device()
        self._enabled = computes_bfloat16(self._device)
        if not self._enabled:
            print_log(
                f'this {self._device} does not compute with bfloat16: '
                'mmdcl.BFloat16OptimWrapper trains in float32',
                'current',
            )

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """What a training step computes its losses under."""
        if self._device == 'cpu' and self._enabled:
            for module in model.modules():
                if type(module) is nn.Conv2d and max(module.stride) > 1:
                    module.__class__ = _FloatOnTinyMaps
        with (
            super().optim_context(model),
            torch.autocast(
                self._device, torch.bfloat16, enabled=self._enabled
            ),
        ):
            yield
