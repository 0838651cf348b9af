"""Forward in bfloat16, weights and losses in float32, no state."""

from contextlib import nullcontext

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS
from torch import nn

from mmdcl.engine import bfloat16
from mmdcl.engine.bfloat16 import BFloat16OptimWrapper
from tests.runs import SIMCLR, runner

OPTIMIZER = dict(type='SGD', lr=0.1)


@pytest.mark.parametrize(
    ('computes', 'dtype'), [(True, torch.bfloat16), (False, torch.float32)]
)
def test_trains_under_autocast(computes, dtype, tmp_path, monkeypatch):
    monkeypatch.setattr(bfloat16, 'computes_bfloat16', lambda device: computes)
    run = runner(
        tmp_path,
        model=SIMCLR,
        optim_wrapper=dict(
            type='mmdcl.BFloat16OptimWrapper', optimizer=OPTIMIZER
        ),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        val_cfg=None,
        val_dataloader=None,
        val_evaluator=None,
    )
    seen = set()
    run.model.backbone.conv1.register_forward_hook(
        lambda module, inputs, output: seen.add(output.dtype)
    )
    before = run.model.backbone.conv1.weight.detach().clone()
    run.train()
    after = run.model.backbone.conv1.weight
    assert seen == {dtype}
    assert after.dtype == torch.float32
    assert not torch.equal(after, before)


def step(context, wrapper=OptimWrapper):
    """Loss and gradient of one batch of 32 images."""
    torch.manual_seed(0)
    model = MODELS.build({**SIMCLR, '_scope_': 'mmpretrain'})
    wrapper = wrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    images = torch.randn(32, 3, 16, 16)
    views = [images + 0.3 * torch.randn_like(images) for _ in range(2)]
    with context, wrapper.optim_context(model):
        loss = model.loss(views, [])['loss']
    assert loss.dtype == torch.float32
    wrapper.backward(loss)
    gradients = [p.grad.flatten() for p in model.parameters()]
    return loss.item(), torch.cat(gradients)


def test_loss_and_gradient_are_those_of_autocast(monkeypatch):
    """Bit for bit, and near those of float32; DCL's loss may be negative."""
    monkeypatch.setattr(bfloat16, 'computes_bfloat16', lambda device: True)
    loss, gradient = step(nullcontext(), BFloat16OptimWrapper)
    wanted, reference = step(torch.autocast('cpu', torch.bfloat16))
    assert loss == wanted
    assert torch.equal(gradient, reference)
    exact, fine = step(nullcontext())
    assert 0 < abs(loss - exact) < 0.1
    assert torch.cosine_similarity(gradient, fine, dim=0) > 0.8


@pytest.mark.parametrize(('side', 'stride'), [(1, 2), (2, 3), (2, 2)])
def test_gradients_of_maps_smaller_than_the_stride(side, stride):
    conv = nn.Conv2d(16, 16, 5, stride, padding=2, bias=False)
    x = torch.randn(32, 16, side, side)
    conv(x).square().sum().backward()
    wanted, conv.weight.grad = conv.weight.grad, None
    optimizer = torch.optim.SGD(conv.parameters(), 0.1)
    wrapper = BFloat16OptimWrapper(optimizer=optimizer)
    wrapper._device, wrapper._enabled = 'cpu', True
    for _ in range(4):
        with wrapper.optim_context(conv):
            loss = conv(x).float().square().sum()
        dirt = [torch.full_like(conv.weight, 3e30) for _ in range(9)]
        del dirt
        conv.weight.grad = None
        loss.backward()
        error = (conv.weight.grad - wanted).abs().max()
        assert error < 0.05 * wanted.abs().max()
