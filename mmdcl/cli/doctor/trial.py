"""A first step of training, in a process that may break.

``mmdcl doctor`` starts it. It writes a line of JSON as each stage begins, and
one of facts as it ends, so that also a crash says where it was.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

Facts = dict[str, Any]


def _torch() -> Facts:
    import torch

    gpus = []
    for i in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(i)
        gpus.append(f'{found.name}, {found.total_memory / 2**30:.0f} GiB')
    return dict(
        torch=torch.__version__,
        cuda=torch.version.cuda,
        cuda_works=torch.cuda.is_available(),
        gpus=gpus,
    )


def _torchvision() -> Facts:
    import torch
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    torchvision.ops.nms(boxes, boxes[:, 2], 0.5)
    return dict(torchvision=torchvision.__version__)


def _loss() -> Facts:
    import torch

    from ...functional import dcl, two_view_contrast

    z1, z2 = torch.randn(2, 8, 4, requires_grad=True)
    pos, s, _ = two_view_contrast(z1, z2, temperature=0.1)
    dcl(pos, s, temperature=0.1).mean().backward()
    return {}


def _mmengine() -> Facts:
    import mmengine

    from ...engine.heartbeat import may_hang_at_fork

    return dict(
        mmengine=mmengine.__version__,
        may_hang_at_fork=may_hang_at_fork(SimpleNamespace(num_workers=1)),
    )


def _mmcv() -> Facts:
    import mmcv

    try:
        import mmcv._ext

        operators = 'compiled'
    except ModuleNotFoundError:
        operators = 'none'
    except ImportError as error:  # built for another torch
        operators = _line(error)
    return dict(mmcv=mmcv.__version__, operators=operators)


def _mmpretrain() -> Facts:
    import mmpretrain
    import mmpretrain.models

    return dict(mmpretrain=mmpretrain.__version__)


def _configs() -> Facts:
    from mmengine.config import Config

    from ...configs import config_path

    Config.fromfile(config_path('dcl_resnet50_8xb32'))
    return {}


def _step() -> Facts:
    """SimCLR with DCL, on random images, where training would run."""
    import torch
    from mmengine.device import get_device
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import MODELS

    init_default_scope('mmpretrain')
    slim = dict(stem_channels=8, base_channels=8)
    neck = dict(type='NonLinearNeck', norm_cfg=dict(type='BN1d'))
    neck |= dict(in_channels=64, hid_channels=16, out_channels=8)
    model = MODELS.build(
        dict(
            type='mmdcl.SimCLR',
            backbone=dict(type='ResNet', depth=18, **slim),
            neck=neck,
            head=dict(type='mmdcl.DCLHead', temperature=0.1),
        )
    )
    device = get_device()
    model.to(device).train()
    views = [torch.randn(4, 3, 32, 32, device=device) for _ in range(2)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = model(views, mode='loss')['loss']
    loss.backward()
    optimizer.step()
    if not loss.isfinite():
        raise ValueError(f'the loss is {loss.item()}')
    return dict(device=str(device))


STAGES: dict[str, Callable[[], Facts]] = {
    'import torch': _torch,
    'import torchvision': _torchvision,
    'a gradient of the loss': _loss,
    'import mmengine': _mmengine,
    'import mmcv': _mmcv,
    'import mmpretrain': _mmpretrain,
    'reading a config': _configs,
    'a step of training': _step,
}


def _line(error: BaseException) -> str:
    text = str(error).strip().partition('\n')[0]
    return f'{type(error).__name__}: {text}'[:120]


def stages() -> Iterator[Facts]:
    """What is to be written; ends at the first stage that fails."""
    begin = time.monotonic()
    for name, stage in STAGES.items():
        yield dict(stage=name)
        try:
            yield stage()
        except BaseException as error:
            yield dict(error=_line(error))
            return
    yield dict(stage='', seconds=time.monotonic() - begin)


def main() -> None:
    """Write to the standard output; what others say there goes elsewhere."""
    lines = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    warnings.simplefilter('ignore')
    for facts in stages():
        print(json.dumps(facts), file=lines, flush=True)
    sys.exit(0)
