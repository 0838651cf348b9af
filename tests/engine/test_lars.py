"""Weights of upstream's LARS, at a fraction of its cost."""

import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmpretrain.engine.optimizers import LARS as UpstreamLARS
from torch import nn

import mmdcl.engine

PARAMWISE = dict(
    custom_keys={'bias': dict(decay_mult=0, lars_exclude=True)},
)


def network() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 4), nn.Linear(4, 3)
    )
    nn.init.zeros_(net[3].weight)  # no norm to be relative to
    return net.double()


def wrapped(kind: str, net: nn.Module, **optimizer):
    optimizer = dict(type=kind, lr=0.1, weight_decay=0.01, **optimizer)
    return build_optim_wrapper(
        net, dict(optimizer=optimizer, paramwise_cfg=PARAMWISE)
    )


def train(wrapper, net: nn.Module, steps: int) -> None:
    torch.manual_seed(1)
    net[2].requires_grad_(False)  # its gradient comes later than others'
    for step in range(steps):
        net[2].requires_grad_(step > 1)
        wrapper.update_params(net(torch.randn(8, 5).double()).square().mean())


def assert_same(*nets: nn.Module) -> None:
    states = [net.state_dict() for net in nets]
    torch.testing.assert_close(*states, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    'settings',
    [
        dict(momentum=0.9),
        dict(momentum=0.9, nesterov=True),
        dict(momentum=0.9, dampening=0.3, eta=0.02),
        dict(),
    ],
    ids=str,
)
def test_equals_upstream(settings):
    nets = [network(), network()]
    wrappers = [
        wrapped('mmpretrain.LARS', nets[0], **settings),
        wrapped('mmdcl.LARS', nets[1], **settings),
    ]
    pairs = list(zip(wrappers, nets, strict=True))
    for wrapper, net in pairs:
        train(wrapper, net, steps=5)
    upstream, ours = (wrapper.optimizer for wrapper in wrappers)
    assert type(upstream) is UpstreamLARS
    assert type(ours) is mmdcl.engine.LARS
    assert not torch.equal(nets[0][0].weight, network()[0].weight)
    assert_same(*nets)
    # A checkpoint of one goes on with the other.
    ours.load_state_dict(copy.deepcopy(upstream.state_dict()))
    for wrapper, net in pairs:
        train(wrapper, net, steps=3)
    assert_same(*nets)
